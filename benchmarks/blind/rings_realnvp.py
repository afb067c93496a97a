"""RealNVP density estimation; equations (3), (7) and (8) of Dinh et al. typed from the paper."""
import argparse
import math

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)


def rings(rng, n):
    r = rng.choice([0.6, 1.6], n) + rng.normal(0, 0.08, n)
    a = rng.uniform(0, 2 * np.pi, n)
    x = np.column_stack([r * np.cos(a), r * np.sin(a)])
    return torch.tensor(x, dtype=torch.float32)


class Coupling(nn.Module):
    def __init__(self, flip, width=48):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def params(self, a):
        s, t = self.net(a).chunk(2, 1)
        return 2 * torch.tanh(s / 2), t

    def forward(self, x):
        a, b = x.chunk(2, 1) if not self.flip else x.flip(1).chunk(2, 1)
        s, t = self.params(a)
        b = b * torch.exp(s) + t
        y = torch.cat([a, b], 1)
        return (y.flip(1) if self.flip else y), s.sum(1)

    def inverse(self, y):
        a, b = y.chunk(2, 1) if not self.flip else y.flip(1).chunk(2, 1)
        s, t = self.params(a)
        x = torch.cat([a, (b - t) * torch.exp(-s)], 1)
        return x.flip(1) if self.flip else x


class RealNVP(nn.Module):
    def __init__(self, depth=6):
        super().__init__()
        self.layers = nn.ModuleList([Coupling(i % 2 == 1) for i in range(depth)])

    def log_prob(self, x):
        log_det = torch.zeros(len(x))
        for layer in self.layers:
            x, ld = layer(x)
            log_det = log_det - ld
        log_pz = -0.5 * (x ** 2).sum(1) - math.log(2 * math.pi)
        return log_pz + log_det

    @torch.no_grad()
    def sample(self, n):
        z = torch.randn(n, 2)
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--iters", type=int, default=900)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train, test = rings(rng, 5000), rings(rng, 1500)
    flow = RealNVP()
    opt = torch.optim.Adam(flow.parameters(), lr=2e-3)
    for it in range(args.iters):
        x = train[torch.randint(0, len(train), (256,))]
        loss = -flow.log_prob(x).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        opt.step()
        if it % 150 == 0:
            print(f"iter {it} nll {loss.item():.4f}")
    print(f"energy distance of samples to held-out data {energy_distance(flow.sample(1500).nan_to_num(0, 1e3, -1e3), test):.4f}")
