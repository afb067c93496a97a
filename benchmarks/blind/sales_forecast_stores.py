"""Next-week sales of many stores with windows normalised one by one."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
HIST, AHEAD = 28, 7


def panel(stores, days, rng):
    t = np.arange(days)
    rows = []
    for _ in range(stores):
        level = np.exp(rng.normal(0.0, 0.6))
        week = 1 + 0.35 * np.sin(2 * np.pi * (t + rng.integers(7)) / 7) * rng.uniform(0.4, 1)
        trend = np.exp(np.cumsum(rng.normal(0, 0.015, days)))
        rows.append(level * week * trend * np.exp(rng.normal(0, 0.06, days)))
    return np.stack(rows).astype(np.float32)


def cut(series, stride=4):
    x, y = [], []
    for row in series:
        for i in range(0, len(row) - HIST - AHEAD, stride):
            x.append(row[i:i + HIST])
            y.append(row[i + HIST:i + HIST + AHEAD])
    return torch.tensor(np.array(x)), torch.tensor(np.array(y))


class WindowNorm(nn.Module):
    def forward(self, x):
        self.mu = x.mean(1, keepdim=True)
        self.sd = x.std(1, keepdim=True) + 1e-5
        return (x - self.mu) / self.sd

    def inverse(self, z):
        return z * self.sd + self.mu


class StoreNet(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.norm = WindowNorm()
        self.net = nn.Sequential(nn.Linear(HIST, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, AHEAD))

    def forward(self, x):
        return self.net(self.norm(x))


def train_epoch(model, opt, x, y, batch=64):
    model.train()
    total = 0.0
    for idx in torch.randperm(len(x)).split(batch):
        opt.zero_grad()
        loss = nn.functional.l1_loss(model(x[idx]), y[idx])
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    return total / len(x)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=30)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    data = panel(60, 300, rng)
    data = data / data[:, :220].mean()
    x, y = cut(data[:, :220])
    xt, yt = cut(data[:, 220:])
    model = StoreNet()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for e in range(a.epochs):
        loss = train_epoch(model, opt, x, y)
        if e % 3 == 2:
            print(f"epoch {e + 1} mae {loss:.4f}")
    model.eval()
    with torch.no_grad():
        wape = ((model(xt) - yt).abs().sum() / yt.sum()).item()
    print(f"test WAPE (lower is better): {wape:.4f}")


if __name__ == "__main__":
    main()
