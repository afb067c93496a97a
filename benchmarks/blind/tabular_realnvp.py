"""RealNVP density estimation on correlated sensor readings."""
import argparse
import math

import numpy as np
import torch
import torch.nn as nn


def sensors(n, rng):
    day = rng.uniform(0, 2 * np.pi, n)
    occ = rng.random(n) < 0.4
    temp = 18 + 4 * np.sin(day) + 2.5 * occ + rng.normal(0, 0.4, n)
    hum = 60 - 1.6 * (temp - 18) + 6 * np.cos(day) + rng.normal(0, 1.0, n)
    co2 = np.where(occ, 800 + 90 * np.abs(temp - 20), 420) + rng.gamma(2, 12, n)
    light = np.where(np.sin(day) > 0, 300 * np.sin(day), 0) + 120 * occ + rng.gamma(2, 6, n)
    power = 0.004 * co2 * (1 + occ) + 0.25 * (temp - 19) ** 2 + rng.normal(0, 0.25, n)
    door = 0.02 * co2 + 0.3 * hum + rng.normal(0, 0.8, n)
    return np.column_stack([temp, hum, np.log(co2), np.log1p(light), power, door]).astype(np.float32)


class Coupling(nn.Module):
    def __init__(self, dim, mask, hidden=48):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Linear(hidden, 2 * dim))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        s, t = self.net(x * self.mask).chunk(2, 1)
        s = torch.tanh(s) * 1.5 * (1 - self.mask)
        y = x * self.mask + (1 - self.mask) * (x * s.exp() + t)
        return y, s.sum(1)


class ActNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.log_s, self.b = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        return x * self.log_s.exp() + self.b, self.log_s.sum().expand(len(x))


class RealNVP(nn.Module):
    def __init__(self, dim, n_blocks=6):
        super().__init__()
        self.dim = dim
        base = (torch.arange(dim) % 2).float()
        layers = []
        for i in range(2 * n_blocks):
            if i % 2 == 0:
                layers.append(ActNorm(dim))
            else:
                layers.append(Coupling(dim, base if i % 2 == 1 else 1 - base))
        self.layers = nn.ModuleList(layers)

    def log_prob(self, x):
        ld = x.new_zeros(len(x))
        for l in self.layers:
            x, d = l(x)
            ld = ld + d
        return -0.5 * (x ** 2).sum(1) - 0.5 * self.dim * math.log(2 * math.pi) + ld


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=700)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    X = sensors(9000, rng)
    X = (X - X[:8000].mean(0)) / X[:8000].std(0)
    train, test = torch.from_numpy(X[:8000]), torch.from_numpy(X[8000:])
    flow = RealNVP(X.shape[1])
    opt = torch.optim.Adam(flow.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.steps)
    for step in range(a.steps):
        loss = -flow.log_prob(train[torch.randint(0, len(train), (256,))]).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 10.0)
        opt.step()
        sched.step()
        if step % 100 == 0:
            print(f"{step}: nll {loss.item():.3f}")
    with torch.no_grad():
        print(f"test nll {-flow.log_prob(test).mean().item():.3f} nats")
