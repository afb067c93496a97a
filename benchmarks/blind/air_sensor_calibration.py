"""Calibration of low-cost NO2 sensors against a reference station; mean and error bar per reading."""
import argparse
import math

import numpy as np
import torch
from torch import nn, optim

torch.set_num_threads(1)


def colocations(n, rng):
    no2 = rng.gamma(2.5, 9, n)
    ozone = np.clip(70 - 0.8 * no2 + rng.normal(0, 12, n), 0, None)
    temp = rng.normal(15, 8, n)
    hum = np.clip(rng.normal(62, 15, n), 10, 99)
    age = rng.uniform(0, 24, n)
    working = 230 + 1.9 * no2 * (1 - 0.012 * age) + 0.5 * ozone + 0.02 * (temp - 20) ** 2 * 3
    auxiliary = 228 + 0.3 * (temp - 20) ** 2 * 0.2 + 0.15 * hum
    noise = 2 + 6 * (hum > 80) + 0.25 * age
    working = working + rng.normal(0, 1, n) * noise
    ox = 215 + 0.9 * ozone + 0.6 * no2 + rng.normal(0, 3, n)
    x = np.stack([working, auxiliary, ox, temp, hum, age], 1)
    return x.astype(np.float32), no2.astype(np.float32)


class MeanVariance(nn.Module):
    def __init__(self, d, h=64):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(d, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh())
        self.mean = nn.Linear(h, 1)
        self.log_var = nn.Linear(h, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.mean(h)[:, 0], self.log_var(h)[:, 0].clamp(-12, 12)


def gaussian_nll(mean, log_var, y):
    return 0.5 * (log_var + torch.exp(log_var) * (y - mean) ** 2 + math.log(2 * math.pi)).mean()


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--epochs", type=int, default=40)
    cli = cli.parse_args()
    torch.manual_seed(cli.seed)
    rng = np.random.default_rng(cli.seed)

    x, y = colocations(3000, rng)
    xt, yt = colocations(1500, rng)
    xm, xs, ym, ys = x.mean(0), x.std(0), y.mean(), y.std()
    x, xt = torch.from_numpy((x - xm) / xs), torch.from_numpy((xt - xm) / xs)
    y, yt = torch.from_numpy((y - ym) / ys), torch.from_numpy((yt - ym) / ys)

    net = MeanVariance(x.shape[1])
    optimizer = optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(cli.epochs):
        perm = torch.randperm(len(x))
        losses = []
        for start in range(0, len(x), 64):
            i = perm[start:start + 64]
            mean, log_var = net(x[i])
            loss = gaussian_nll(mean, log_var, y[i])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: nll {np.mean(losses):.4f}")

    with torch.no_grad():
        mean, _ = net(xt)
    print(f"test RMSE in ug/m3 (lower is better): {(mean - yt).pow(2).mean().sqrt().item() * ys:.3f}")


if __name__ == "__main__":
    main()
