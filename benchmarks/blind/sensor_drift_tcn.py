"""Temporal conv net that predicts catalyst activity from a window of reactor temperatures."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.parametrizations import weight_norm

torch.set_num_threads(1)


def reactor(n, steps, rng):
    x = np.zeros((n, 4, steps), dtype=np.float32)
    t = np.arange(steps)
    act = rng.uniform(0.3, 1.0, n)
    for i in range(n):
        feed = 1 + 0.15 * np.sin(t / rng.uniform(4, 9) + rng.uniform(0, 6)) + rng.normal(0, .03, steps)
        front = 8 + 10 * (1 - act[i])
        for k, pos in enumerate((4, 10, 16)):
            lag = int(2 + 3 * k)
            delayed = np.roll(feed, lag)
            x[i, k] = 40 * act[i] ** 0.5 * delayed / (1 + np.exp(-(pos - front) / 2)) + rng.normal(0, 1.5, steps)
        x[i, 3] = 10 * (feed - 1) + rng.normal(0, .3, steps)
        x[i, :3] += rng.normal(0, 5)
    return x, act.astype(np.float32)


class TemporalBlock(nn.Module):
    def __init__(self, cin, cout, k, dilation):
        super().__init__()
        self.pad = (k - 1) * dilation
        self.conv = nn.Conv1d(cin, cout, k, dilation=dilation)
        self.skip = nn.Conv1d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x):
        return torch.relu(self.conv(nn.functional.pad(x, (self.pad, 0))) + self.skip(x))


class TCN(nn.Module):
    def __init__(self, cin=4, width=10):
        super().__init__()
        self.blocks = nn.Sequential(
            TemporalBlock(cin, width, 3, 1), TemporalBlock(width, width, 3, 2), TemporalBlock(width, width, 3, 4))
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.blocks(x)[:, :, -1]).squeeze(-1)


def add_weight_norm(model):
    for m in list(model.modules()):
        if isinstance(m, (nn.Conv1d, nn.Linear)):
            weight_norm(m)
    return model


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=15)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = reactor(2400, 32, rng)
    xt, yt = reactor(800, 32, rng)
    m, s = x.mean((0, 2), keepdims=True), x.std((0, 2), keepdims=True)
    x, xt = torch.from_numpy((x - m) / s), torch.from_numpy((xt - m) / s)
    my, sy = y.mean(), y.std()
    y, yt = torch.from_numpy((y - my) / sy), torch.from_numpy((yt - my) / sy)

    net = TCN()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    net = add_weight_norm(net)
    for epoch in range(args.epochs):
        total = 0.0
        for idx in torch.randperm(len(x)).split(48):
            loss = nn.functional.mse_loss(net(x[idx]), y[idx])
            net.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1} mse {total / len(x):.4f}")
    with torch.no_grad():
        r2 = 1 - ((net(xt) - yt) ** 2).mean() / yt.var()
    print(f"test R2: {r2.item():.4f}")


if __name__ == "__main__":
    main()
