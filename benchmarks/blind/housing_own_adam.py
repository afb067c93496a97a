"""Homework 3: implement Adam yourself and train the price network with it. Do not use torch.optim."""
import argparse

import numpy as np
import torch
import torch.nn as nn


class MyAdam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params = [p for p in params if p.requires_grad]
        self.lr, self.betas, self.eps = lr, betas, eps
        self.t = 0
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.t += 1
        b1, b2 = self.betas
        for i, p in enumerate(self.params):
            g = p.grad
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g ** 2
            m_hat = self.m[i] / (1 - b1 ** self.t)
            v_hat = self.v[i] / (1 - b2 ** self.t)
            p -= self.lr * m_hat / (v_hat + self.eps)


def houses(rng, n):
    area = rng.lognormal(4.6, 0.35, n)
    rooms = np.clip(np.round(area / 28 + rng.normal(0, 0.7, n)), 1, 9)
    year = rng.integers(1900, 2022, n)
    lat, lon = rng.uniform(-1, 1, (2, n))
    garden = rng.random(n) < 0.4
    floor = rng.integers(0, 8, n)
    centre = np.exp(-2.5 * (lat ** 2 + lon ** 2))
    lake = np.exp(-12 * ((lat - 0.5) ** 2 + (lon + 0.4) ** 2))
    logp = (0.85 * np.log(area) + 0.9 * centre + 0.5 * lake + 0.15 * garden + 0.02 * floor
            + 0.3 * ((year - 1960) / 60) ** 2 + 0.03 * rooms + rng.normal(0, 0.08, n))
    x = np.column_stack([np.log(area), rooms, year, lat, lon, garden, floor]).astype(np.float64)
    return x, logp


def main(seed, epochs, lr, batch):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, y = houses(rng, 12000)
    xt, yt = houses(rng, 1500)
    mx, sx, my, sy = x.mean(0), x.std(0), y.mean(), y.std()
    x, xt = [torch.tensor((a - mx) / sx, dtype=torch.float32) for a in (x, xt)]
    y, yt = [torch.tensor((a - my) / sy, dtype=torch.float32)[:, None] for a in (y, yt)]
    net = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    opt = MyAdam(net.parameters(), lr=lr)
    for e in range(epochs):
        hist = []
        for idx in torch.randperm(len(x)).split(batch):
            opt.zero_grad()
            loss = ((net(x[idx]) - y[idx]) ** 2).mean()
            loss.backward()
            opt.step()
            hist.append(loss.item())
        if e % 5 == 4:
            print(f"epoch {e + 1:3d} train mse {np.mean(hist):.4f}")
    with torch.no_grad():
        r2 = 1 - ((net(xt) - yt) ** 2).mean() / yt.var()
    print(f"test R2 {r2.item():.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=40)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--batch", type=int, default=64)
    main(**vars(ap.parse_args()))
