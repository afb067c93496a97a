"""Nowcasting of wind direction (degrees from north) out of a ring of pressure taps on a mast."""
import argparse
import math

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


def simulate_mast(n, taps=12, seed=0):
    rng = np.random.default_rng(seed)
    # prevailing north-westerly to north-easterly winds with a uniform background
    main = rng.normal(0, 40, n)
    back = rng.uniform(0, 360, n)
    direction = np.where(rng.random(n) < 0.6, main, back) % 360
    speed = rng.weibull(2.0, n) * 8 + 1.5
    ring = np.arange(taps) * 360 / taps
    delta = np.deg2rad(direction[:, None] - ring[None])
    cp = 1 - 2.2 * np.sin(delta / 2) ** 2 + 0.3 * np.cos(2 * delta)
    pressure = 0.5 * 1.2 * speed[:, None] ** 2 * cp
    pressure += rng.normal(0, 3.0, pressure.shape) * np.sqrt(speed)[:, None]
    temp = rng.normal(12, 6, n)
    feats = np.concatenate([pressure, speed[:, None], temp[:, None]], 1)
    return feats.astype(np.float32), direction.astype(np.float32)


class Nowcaster(nn.Module):
    def __init__(self, n_in, n_out, width=64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(n_in, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
        )
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        return self.out(self.body(x))


N_OUT = 1


def encode(deg):
    return (deg[:, None] - 180.0) / 180.0


def decode(out):
    return out[:, 0] * 180.0 + 180.0


def angular_error(a, b):
    d = (a - b).abs() % 360
    return torch.minimum(d, 360 - d)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=25)
    ap.add_argument("--lr", type=float, default=2e-3)
    args = ap.parse_args()
    torch.manual_seed(args.seed)

    xtr, dtr = simulate_mast(4000, seed=args.seed)
    xte, dte = simulate_mast(1500, seed=args.seed + 500)
    mu, sd = xtr.mean(0), xtr.std(0)
    xtr, xte = torch.from_numpy((xtr - mu) / sd), torch.from_numpy((xte - mu) / sd)
    dtr, dte = torch.from_numpy(dtr), torch.from_numpy(dte)

    loader = DataLoader(TensorDataset(xtr, encode(dtr)), batch_size=64, shuffle=True)
    net = Nowcaster(xtr.shape[1], N_OUT)
    opt = torch.optim.Adam(net.parameters(), lr=args.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs)
    mse = nn.MSELoss()
    for epoch in range(args.epochs):
        running = 0.0
        for xb, yb in loader:
            opt.zero_grad()
            loss = mse(net(xb), yb)
            loss.backward()
            opt.step()
            running += loss.item() * len(xb)
        sched.step()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3d}  train mse {running / len(xtr):.4f}")

    with torch.no_grad():
        err = angular_error(decode(net(xte)), dte)
    print(f"test mean angular error (deg, lower is better): {err.mean():.2f}")


if __name__ == "__main__":
    main()
