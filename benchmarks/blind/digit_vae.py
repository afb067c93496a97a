import os
import torch
from torch import nn, optim
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)


class VAE(nn.Module):
    def __init__(self, z_dim=8):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc_mu = nn.Linear(128, z_dim)
        self.fc_logvar = nn.Linear(128, z_dim)
        self.fc3 = nn.Linear(z_dim, 128)
        self.fc4 = nn.Linear(128, 64)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_logits, x, mu, logvar):
    rec = F.binary_cross_entropy_with_logits(recon_logits, x)
    kld = -0.5 * torch.mean(torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1))
    return rec + kld, rec, kld


X = torch.tensor(load_digits().data, dtype=torch.float32) / 16
perm = torch.randperm(len(X))
tr, te = perm[:1400], perm[1400:]
loader = torch.utils.data.DataLoader(X[tr], batch_size=64, shuffle=True)

model = VAE()
optimizer = optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(1, 41):
    model.train()
    for x in loader:
        optimizer.zero_grad()
        out, mu, logvar = model(x)
        loss, rec, kld = loss_function(out, x, mu, logvar)
        loss.backward()
        optimizer.step()
    if epoch % 8 == 0:
        print("Epoch %d loss %.4f rec %.4f kld %.5f" % (epoch, loss.item(), rec.item(), kld.item()))

model.eval()
with torch.no_grad():
    mu_te, _ = model.encode(X[te])
    rec = torch.sigmoid(model.decode(mu_te))
    print("test reconstruction mse: %.4f" % F.mse_loss(rec, X[te]).item())
    print("latent std per dim:", [round(v, 3) for v in mu_te.std(0).tolist()])
    mse = F.mse_loss(rec, X[te]).item()
    base = F.mse_loss(X[tr].mean(0).expand_as(X[te]), X[te]).item()
print("score: %.4f" % (1 - mse / base))
