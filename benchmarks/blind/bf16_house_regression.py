"""Tabular regression with a residual MLP kept in bfloat16 for memory."""
import argparse

import numpy as np
import torch
import torch.nn as nn


def make_houses(n, rng):
    area = rng.lognormal(4.6, 0.35, n)
    rooms = np.clip(np.round(area / 28 + rng.normal(0, 0.8, n)), 1, 9)
    age = rng.gamma(2.0, 18.0, n)
    dist = rng.gamma(2.5, 3.0, n)
    floor = rng.integers(0, 12, n)
    lift = rng.random(n) < 0.5
    park = rng.random(n) < 0.4
    energy = rng.integers(0, 7, n)
    logp = (0.85 * np.log(area) + 0.03 * rooms - 0.012 * age + 0.00009 * age ** 2 - 0.09 * dist
            + 0.02 * floor * lift - 0.03 * floor * (~lift) + 0.11 * park * np.exp(-dist / 6) - 0.04 * energy)
    logp += rng.normal(0, 0.05, n)
    X = np.stack([area, rooms, age, dist, floor, lift, park, energy], 1)
    return X.astype(np.float32), logp.astype(np.float32)


class ResBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.fc1, self.fc2 = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        return x + self.fc2(torch.relu(self.fc1(self.norm(x))))


class TabNet(nn.Module):
    def __init__(self, n_in, d=64, depth=2):
        super().__init__()
        self.stem = nn.Linear(n_in, d)
        self.blocks = nn.Sequential(*[ResBlock(d) for _ in range(depth)])
        self.head = nn.Linear(d, 1)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x))).squeeze(-1)


class Trainer:
    def __init__(self, model, lr, epochs, batch_size):
        self.epochs, self.batch_size = epochs, batch_size
        self.model = model.to(torch.bfloat16)
        self.opt = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)

    def forward(self, x):
        return self.model(x.to(torch.bfloat16)).float()

    def fit(self, X, y):
        for ep in range(self.epochs):
            perm = torch.randperm(len(X))
            tot = 0.0
            for i in range(0, len(X), self.batch_size):
                j = perm[i:i + self.batch_size]
                loss = nn.functional.mse_loss(self.forward(X[j]), y[j])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                tot += loss.item() * len(j)
            if ep % 5 == 0:
                print(f"epoch {ep} mse {tot / len(X):.4f}")

    @torch.no_grad()
    def r2(self, X, y):
        p = self.forward(X)
        return (1 - (p - y).pow(2).mean() / y.var(unbiased=False)).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    X, y = make_houses(5000, rng)
    mu, sd = X[:4000].mean(0), X[:4000].std(0)
    X = torch.from_numpy((X - mu) / sd)
    y = torch.from_numpy((y - y[:4000].mean()) / y[:4000].std())
    tr = Trainer(TabNet(X.shape[1]), lr=1e-4, epochs=30, batch_size=50)
    tr.fit(X[:4000], y[:4000])
    print(f"test R2 {tr.r2(X[4000:], y[4000:]):.3f}")
