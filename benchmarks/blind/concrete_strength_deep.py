"""Compressive strength of concrete mixes with a deep feed-forward net (pre-norm blocks without skips)."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)


def mixes(n, rng):
    cement = rng.uniform(120, 520, n)
    slag = rng.uniform(0, 220, n) * (rng.random(n) < .6)
    ash = rng.uniform(0, 160, n) * (rng.random(n) < .5)
    water = rng.uniform(130, 230, n)
    plast = rng.uniform(0, 16, n)
    coarse = rng.normal(970, 70, n)
    fine = rng.normal(770, 70, n)
    age = rng.choice([3, 7, 14, 28, 56, 90], n)
    binder = cement + 0.85 * slag + 0.55 * ash
    strength = 24 * (binder / water) ** 1.1 * np.log1p(age) / np.log(29) * (1 + 0.012 * plast)
    strength *= 1 - 0.25 * (slag / (binder + 1)) * (age < 14)
    strength += -0.015 * np.abs(coarse - 980) + rng.normal(0, 2.0, n)
    x = np.stack([cement, slag, ash, water, plast, coarse, fine, np.log(age)], 1)
    return x, strength


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc = nn.Linear(d, d)
        self.norm = nn.LayerNorm(d)

    def forward(self, x):
        return torch.nn.functional.gelu(self.norm(self.fc(x)))


class DeepNet(nn.Module):
    def __init__(self, d_in, d=48, depth=6):
        super().__init__()
        self.inp = nn.Linear(d_in, d)
        self.blocks = nn.Sequential(*[Block(d) for _ in range(depth)])
        self.out = nn.Linear(d, 1)
        self.reset()

    def reset(self):
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.kaiming_normal_(p, nonlinearity="relu")
            else:
                nn.init.zeros_(p)

    def forward(self, x):
        return self.out(self.blocks(self.inp(x)))[:, 0]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--lr", type=float, default=0.02)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    x, y = mixes(3200, rng)
    x, y = (x - x[:2400].mean(0)) / x[:2400].std(0), (y - y[:2400].mean()) / y[:2400].std()
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    xtr, ytr, xte, yte = x[:2400], y[:2400], x[2400:], y[2400:]

    net = DeepNet(x.shape[1])
    opt = torch.optim.SGD(net.parameters(), lr=a.lr, momentum=0.9, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.epochs)
    for epoch in range(a.epochs):
        acc = 0.0
        for idx in torch.randperm(len(xtr)).split(32):
            loss = nn.functional.mse_loss(net(xtr[idx]), ytr[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            acc += loss.item() * len(idx)
        sched.step()
        print(f"{epoch + 1:2d} mse {acc / len(xtr):.4f}")
    with torch.no_grad():
        r2 = 1 - ((net(xte) - yte) ** 2).mean() / yte.var()
    print(f"test R2 = {r2.item():.4f}")


if __name__ == "__main__":
    main()
