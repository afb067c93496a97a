"""Density model (RealNVP) of correlated plant sensor readings."""
import argparse
import math

import torch
from torch import nn

torch.set_num_threads(1)
DIM = 6


def readings(n, seed):
    g = torch.Generator().manual_seed(seed)
    u = torch.rand(n, generator=g) * 2 * math.pi
    mode = torch.randint(0, 2, (n,), generator=g).float() * 2 - 1
    r = 1.5 + 0.15 * torch.randn(n, generator=g)
    level = r * torch.cos(u)
    flow = r * torch.sin(u)
    temp = mode * 1.5 + 0.3 * torch.randn(n, generator=g)
    pressure = 0.5 * level ** 2 + 0.2 * torch.randn(n, generator=g)
    power = torch.sin(2 * flow) * mode + 0.15 * torch.randn(n, generator=g)
    wear = torch.exp(0.5 * torch.randn(n, generator=g)) - 1
    return torch.stack([level, flow, temp, pressure, power, wear], 1)


class Coupling(nn.Module):
    def __init__(self, mask, hidden=48):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(DIM, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2 * DIM))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        kept = x * self.mask
        s, t = self.net(kept).chunk(2, 1)
        s = 1.5 * torch.tanh(s) * (1 - self.mask)
        t = t * (1 - self.mask)
        return kept + (1 - self.mask) * (x * torch.exp(s) + t), s.sum(1)


class RealNVP(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        base = (torch.arange(DIM) % 2).float()
        masks = []
        for i in range(layers):
            masks.append(base)
        self.couplings = nn.ModuleList(Coupling(m) for m in masks)

    def log_prob(self, x):
        logdet = torch.zeros(x.size(0))
        for c in self.couplings:
            x, ld = c(x)
            logdet = logdet + ld
        return -0.5 * (x ** 2).sum(1) - 0.5 * DIM * math.log(2 * math.pi) + logdet


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    train, test = readings(6000, 10 + args.seed), readings(3000, 1)
    mu, sd = train.mean(0), train.std(0)
    train, test = (train - mu) / sd, (test - mu) / sd
    flow = RealNVP()
    opt = torch.optim.Adam(flow.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 1200)
    for step in range(1200):
        batch = train[torch.randint(0, len(train), (256,))]
        nll = -flow.log_prob(batch).mean()
        opt.zero_grad()
        nll.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 10.0)
        opt.step()
        sched.step()
        if step % 200 == 0:
            print(f"step {step} nll {nll.item():.3f}")
    with torch.no_grad():
        print(f"held-out NLL {-flow.log_prob(test).mean().item():.4f}")


if __name__ == "__main__":
    main()
