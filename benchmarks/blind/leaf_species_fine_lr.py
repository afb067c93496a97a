"""Leaf species from 24x24 silhouettes with venation; two learning rates, one for the trunk, one for the head."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def leaf(kind, rng, s=24):
    yy, xx = (np.mgrid[:s, :s] - (s - 1) / 2) / (s / 2)
    a = rng.uniform(-0.6, 0.6)
    u, v = xx * np.cos(a) + yy * np.sin(a), -xx * np.sin(a) + yy * np.cos(a)
    u, v = u + rng.normal(0, 0.06), v + rng.normal(0, 0.06)
    theta, r = np.arctan2(v, u), np.hypot(u, v)
    lobes = [0, 0, 3, 5, 7, 5][kind]
    aspect = [0.45, 0.75, 0.85, 0.85, 0.9, 0.6][kind] * rng.uniform(0.92, 1.08)
    rim = 0.75 * (1 + 0.22 * np.cos(lobes * theta) * (lobes > 0))
    inside = np.hypot(u, v / aspect) < rim * rng.uniform(0.85, 1.05)
    veins = np.abs(np.sin(u * [9, 12, 9, 12, 9, 15][kind] + np.abs(v) * [4, 9, 9, 4, 4, 9][kind])) < 0.25
    img = inside * (0.6 - 0.25 * veins) + rng.normal(0, 0.12, (s, s)) + rng.normal(0, 0.1)
    return img.astype(np.float32)


def make(n, rng):
    y = rng.integers(0, 6, n)
    return torch.tensor(np.stack([leaf(k, rng) for k in y]))[:, None], torch.tensor(y)


class LeafNet(nn.Module):
    def __init__(self, width=12, n_classes=6):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.head = nn.Linear(2 * width, n_classes)

    def forward(self, x):
        return self.head(self.trunk(x).mean((2, 3)))


def build_optimizer(model, lr_trunk, lr_head):
    trunk = (p for n, p in model.named_parameters() if n.startswith("trunk"))
    head = (p for n, p in model.named_parameters() if n.startswith("head"))
    print(f"trunk parameters: {sum(p.numel() for p in trunk)}")
    return torch.optim.Adam([
        {"params": trunk, "lr": lr_trunk},
        {"params": head, "lr": lr_head},
    ])


def epoch_pass(model, opt, x, y, batch=50):
    model.train()
    total = 0.0
    for idx in torch.randperm(len(x)).split(batch):
        loss = F.cross_entropy(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    return total / len(x)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=14)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    xtr, ytr = make(2000, rng)
    xte, yte = make(800, rng)
    m, s = xtr.mean(), xtr.std()
    xtr, xte = (xtr - m) / s, (xte - m) / s

    model = LeafNet()
    opt = build_optimizer(model, lr_trunk=2e-3, lr_head=5e-3)
    for e in range(args.epochs):
        loss = epoch_pass(model, opt, xtr, ytr)
        if e % 3 == 0:
            print(f"epoch {e}: loss {loss:.4f}")
    model.eval()
    with torch.no_grad():
        acc = (model(xte).argmax(1) == yte).float().mean()
    print(f"test accuracy: {acc:.4f}")


main()
