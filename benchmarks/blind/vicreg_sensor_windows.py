"""Self-supervised pretraining on accelerometer-like windows (VICReg), followed by a linear probe on few labels."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

torch.set_num_threads(1)
LEN, CH = 64, 3


def windows(n, rng):
    y = rng.integers(6, size=n)
    t = np.arange(LEN) / LEN
    out = np.zeros((n, CH, LEN), dtype=np.float32)
    for i, c in enumerate(y):
        f = [3, 4.5, 6, 8, 3, 6][c] * rng.uniform(0.92, 1.08)
        ph = rng.uniform(0, 2 * np.pi)
        base = np.sin(2 * np.pi * f * t + ph)
        second = (0.8 if c >= 3 else 0.1) * np.sin(4 * np.pi * f * t + 2 * ph + 1.0)
        axis = rng.normal(0, 1, (CH, 1)) * 0.3 + np.array([[1.0], [0.5], [-0.5]])
        out[i] = axis * (base + second) * rng.uniform(0.5, 1.5) + rng.normal(0, 0.35, (CH, LEN))
    return torch.from_numpy(out), y


def augment(x):
    b = x.size(0)
    x = x * (0.6 + 0.8 * torch.rand(b, 1, 1))
    shift = torch.randint(LEN, (b, 1))
    idx = (torch.arange(LEN)[None] + shift) % LEN
    x = x.gather(2, idx[:, None].expand(-1, CH, -1))
    x = x * (torch.rand(b, CH, 1) > 0.1)
    return x + 0.2 * torch.randn_like(x)


class Encoder(nn.Module):
    def __init__(self, width=32, out=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(CH, width, 7, 2, 3), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, out, 5, 2, 2), nn.BatchNorm1d(out), nn.ReLU(),
            nn.Conv1d(out, out, 3, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())

    def forward(self, x):
        return self.net(x)


class VICReg(nn.Module):
    def __init__(self, encoder, dim=64, proj=128, sim=25.0, std=25.0, cov=1.0):
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(nn.Linear(dim, proj), nn.BatchNorm1d(proj), nn.ReLU(), nn.Linear(proj, proj))
        self.w = sim, std, cov

    def embed(self, x):
        return self.projector(self.encoder(x))

    @staticmethod
    def variance(z):
        std = torch.sqrt(z.var(dim=1) + 1e-4)
        return F.relu(1 - std).mean()

    @staticmethod
    def covariance(z):
        z = z - z.mean(0)
        c = (z.T @ z) / (len(z) - 1)
        return (c.pow(2).sum() - c.diagonal().pow(2).sum()) / z.size(1)

    def forward(self, a, b):
        za, zb = self.embed(a), self.embed(b)
        sim = F.mse_loss(za, zb)
        std = self.variance(za) + self.variance(zb)
        cov = self.covariance(za) + self.covariance(zb)
        return self.w[0] * sim + self.w[1] * std / 2 + self.w[2] * cov, sim


@torch.no_grad()
def features(enc, x):
    enc.eval()
    return enc(x).numpy()


def probe(enc, xl, yl, xt, yt):
    fl, ft = features(enc, xl), features(enc, xt)
    mu, sd = fl.mean(0), fl.std(0) + 1e-6
    clf = LogisticRegression(C=1.0, max_iter=500).fit((fl - mu) / sd, yl)
    return clf.score((ft - mu) / sd, yt)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch", type=int, default=128)
    args = p.parse_args()
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    x, _ = windows(2500, rng)
    xl, yl = windows(60, rng)
    xt, yt = windows(600, rng)
    model = VICReg(Encoder())
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    for epoch in range(args.epochs):
        model.train()
        perm = torch.randperm(len(x))
        for i in range(0, len(x) - args.batch + 1, args.batch):
            xb = x[perm[i:i + args.batch]]
            loss, sim = model(augment(xb), augment(xb))
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {epoch} loss {loss.item():.3f} invariance {sim.item():.4f}")
    print(f"linear probe accuracy {probe(model.encoder, xl, yl, xt, yt):.3f}")


if __name__ == "__main__":
    main()
