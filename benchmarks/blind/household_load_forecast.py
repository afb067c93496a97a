"""Six-hour-ahead household load forecast with a small causal transformer (hourly meter readings, kW)."""
import argparse
import math

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
HISTORY, HORIZON = 48, 6


def meters(n_homes, hours, rng):
    t = np.arange(hours)
    out = []
    for _ in range(n_homes):
        base = rng.uniform(0.2, 1.2)
        morning = np.exp(-((t % 24 - rng.uniform(6, 8)) ** 2) / 3) * rng.uniform(0.3, 1.5)
        evening = np.exp(-((t % 24 - rng.uniform(17, 21)) ** 2) / 6) * rng.uniform(0.5, 2.5)
        weekend = 1 + 0.25 * ((t // 24 + rng.integers(7)) % 7 >= 5)
        heat = np.zeros(hours)
        for i in range(1, hours):
            heat[i] = 0.93 * heat[i - 1] + rng.normal(0, 0.12)
        load = (base + (morning + evening) * weekend) + np.abs(heat) + rng.normal(0, 0.05, hours)
        out.append(load)
    return np.stack(out).astype(np.float32)


def windows(series, stride=5):
    xs, ys = [], []
    for s in series:
        for i in range(0, len(s) - HISTORY - HORIZON, stride):
            xs.append(s[i:i + HISTORY])
            ys.append(s[i + HISTORY:i + HISTORY + HORIZON])
    return torch.tensor(np.array(xs)).unsqueeze(-1), torch.tensor(np.array(ys))


def sinusoid(length, d):
    pos = torch.arange(length).unsqueeze(1)
    div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
    pe = torch.zeros(length, d)
    pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
    return pe


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.att = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x, mask):
        h = self.n1(x)
        x = x + self.att(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.ff(self.n2(x))


class Forecaster(nn.Module):
    def __init__(self, n_features=1, d=32, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Sequential(nn.LayerNorm(n_features), nn.Linear(n_features, d))
        self.register_buffer("pe", sinusoid(HISTORY, d))
        self.register_buffer("mask", torch.triu(torch.full((HISTORY, HISTORY), float("-inf")), 1))
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, HORIZON)

    def forward(self, x):
        h = self.embed(x) + self.pe
        for b in self.blocks:
            h = b(h, self.mask)
        return self.head(self.norm(h[:, -1]))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=5)
    a = p.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    series = meters(24, 500, rng)
    mean, std = series[:, :400].mean(), series[:, :400].std()
    series = (series - mean) / std
    xtr, ytr = windows(series[:, :400])
    xte, yte = windows(series[:, 400:])

    model = Forecaster()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(a.epochs):
        model.train()
        tot = 0.0
        for idx in torch.randperm(len(xtr)).split(32):
            loss = nn.functional.mse_loss(model(xtr[idx]), ytr[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        print(f"epoch {epoch + 1} mse {tot / len(xtr):.4f}")
    model.eval()
    with torch.no_grad():
        err = ((model(xte) - yte) ** 2).mean()
    print(f"R2 on the last four days: {1 - (err / yte.var()).item():.4f}")


if __name__ == "__main__":
    main()
