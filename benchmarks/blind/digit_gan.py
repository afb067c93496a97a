"""Small conditional GAN on 8x8 digits."""
import argparse
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression


class Generator(nn.Module):
    def __init__(self, z=16, h=128):
        super().__init__()
        self.z = z
        self.emb = nn.Embedding(10, 16)
        self.net = nn.Sequential(nn.Linear(z + 16, h), nn.BatchNorm1d(h), nn.ReLU(),
                                 nn.Linear(h, h), nn.BatchNorm1d(h), nn.ReLU(),
                                 nn.Linear(h, 64), nn.Tanh())

    def forward(self, n_or_labels):
        y = n_or_labels
        return self.net(torch.cat([torch.randn(len(y), self.z), self.emb(y)], 1))


class Discriminator(nn.Module):
    def __init__(self, h=128):
        super().__init__()
        self.emb = nn.Embedding(10, 16)
        self.net = nn.Sequential(nn.Linear(64 + 16, h), nn.LeakyReLU(0.2), nn.Dropout(0.3),
                                 nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(h, 1))

    def forward(self, x, y):
        return self.net(torch.cat([x, self.emb(y)], 1)).squeeze(1)


class GAN:
    def __init__(self, lr=1e-3):
        self.G, self.D = Generator(), Discriminator()
        self.opt_g = torch.optim.Adam(self.G.parameters(), lr=lr, betas=(0.5, 0.999))
        self.opt_d = torch.optim.Adam(self.D.parameters(), lr=lr / 2, betas=(0.5, 0.999))

    def step(self, x, y):
        real = torch.full((len(x),), 0.9)
        zero = torch.zeros(len(x))
        y_fake = torch.randint(0, 10, (len(x),))
        fake = self.G(y_fake).detach()

        self.opt_d.zero_grad()
        d_real = F.binary_cross_entropy_with_logits(self.D(x, y), real)
        d_fake = F.binary_cross_entropy_with_logits(self.D(fake, y_fake), zero)
        d_loss = d_real + d_fake
        d_loss.backward()
        self.opt_d.step()

        self.opt_g.zero_grad()
        g_loss = F.binary_cross_entropy_with_logits(self.D(fake, y_fake), torch.ones(len(x)))
        g_loss.backward()
        self.opt_g.step()
        return d_loss.item(), g_loss.item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=1500)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    data = load_digits()
    x = torch.tensor(data.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(data.target)
    perm = torch.randperm(len(x))
    xtr, ytr, xte, yte = x[perm[:1400]], y[perm[:1400]], x[perm[1400:]], y[perm[1400:]]

    gan = GAN()
    d_sum = g_sum = 0.0
    for step in range(1, a.steps + 1):
        i = torch.randint(0, len(xtr), (64,))
        d, g = gan.step(xtr[i], ytr[i])
        d_sum, g_sum = d_sum + d, g_sum + g
        if step % 150 == 0:
            print(f"step {step} d_loss {d_sum / 150:.4f} g_loss {g_sum / 150:.4f}")
            d_sum = g_sum = 0.0

    gan.G.eval()
    with torch.no_grad():
        lab = torch.arange(10).repeat(100)
        fake = gan.G(lab)
    clf = LogisticRegression(max_iter=300).fit(fake.numpy(), lab.numpy())
    print(f"train-on-synthetic test accuracy: {clf.score(xte.numpy(), yte.numpy()):.4f}")


main()
