import os
import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from sklearn.datasets import load_digits

# Auto-Encoding Variational Bayes on 8x8 digits
seed = int(os.environ.get("SEED", "0"))
torch.manual_seed(seed)
np.random.seed(seed)
torch.set_num_threads(1)

BATCH = 64
EPOCHS = 40
LATENT = 8


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc21 = nn.Linear(128, LATENT)
        self.fc22 = nn.Linear(128, LATENT)
        self.fc3 = nn.Linear(LATENT, 128)
        self.fc4 = nn.Linear(128, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x)
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return BCE + KLD


X = load_digits().data.astype("float32") / 16.0
perm = np.random.permutation(len(X))
train_x = torch.from_numpy(X[perm[:1400]])
test_x = torch.from_numpy(X[perm[1400:]])

model = VAE()
optimizer = optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(1, EPOCHS + 1):
    model.train()
    idx = torch.randperm(len(train_x))
    total = 0.0
    for i in range(0, len(idx), BATCH):
        data = train_x[idx[i:i + BATCH]]
        optimizer.zero_grad()
        recon, mu, logvar = model(data)
        loss = loss_function(recon, data, mu, logvar)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(data)
    if epoch % 5 == 0:
        print("====> Epoch: {} Average loss: {:.4f}".format(epoch, total / len(train_x)))

model.eval()
with torch.no_grad():
    mu, _ = model.encode(test_x)
    rec = model.decode(mu)
    mse = F.mse_loss(rec, test_x).item()
print("spread of latent means on test set:", mu.std(0).numpy().round(2))
print("test reconstruction mse")
print("score: %.5f" % mse)
