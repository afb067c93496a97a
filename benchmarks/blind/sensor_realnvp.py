"""Density estimation with affine coupling layers on a correlated six-dimensional sensor distribution."""
import argparse
import math
import numpy as np
import torch
from torch import nn


def sensors(n, g):
    """Banana-shaped and ring-shaped dependence between sensor channels."""
    a = g.normal(0, 1, n)
    b = 0.6 * a ** 2 - 0.6 + 0.15 * g.normal(size=n)
    ang = g.uniform(0, 2 * np.pi, n)
    r = 1.5 + 0.12 * g.normal(size=n)
    c, d = r * np.cos(ang), r * np.sin(ang)
    e = np.where(g.random(n) < 0.4, g.normal(-1.2, 0.2, n), g.normal(0.8, 0.3, n))
    f = np.sin(2 * e) + 0.4 * a + 0.15 * g.normal(size=n)
    return np.column_stack([a, c, e, b, d, f]).astype(np.float32)


class Coupling(nn.Module):
    def __init__(self, dim, hidden, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
                                 nn.Linear(hidden, 2 * dim))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        h = x * self.mask
        s, t = self.net(h).chunk(2, 1)
        s = 1.5 * torch.tanh(s / 1.5) * (1 - self.mask)
        t = t * (1 - self.mask)
        return h + (1 - self.mask) * (x * s.exp() + t), s.sum(1)


class RealNVP(nn.Module):
    def __init__(self, dim=6, depth=6, hidden=48):
        super().__init__()
        mask = torch.zeros(dim)
        mask[: dim // 2] = 1
        layers = []
        for _ in range(depth):
            layers.append(Coupling(dim, hidden, mask))
        self.layers = nn.ModuleList(layers)

    def log_prob(self, x):
        logdet = torch.zeros(len(x))
        for layer in self.layers:
            x, ld = layer(x)
            logdet = logdet + ld
        base = -0.5 * (x ** 2).sum(1) - 0.5 * x.shape[1] * math.log(2 * math.pi)
        return base + logdet


def train(model, data, steps, lr, batch=128):
    opt = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-6)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=lr, total_steps=steps)
    hist = []
    for step in range(steps):
        x = data[torch.randint(0, len(data), (batch,))]
        loss = -model.log_prob(x).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        opt.step()
        sched.step()
        hist.append(loss.item())
        if (step + 1) % 200 == 0:
            print(f"{step + 1:5d} nll {np.mean(hist[-200:]):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=1000)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = np.random.default_rng(args.seed)
    tr, te = sensors(6000, g), sensors(2000, g)
    mu, sd = tr.mean(0), tr.std(0)
    tr, te = torch.from_numpy((tr - mu) / sd), torch.from_numpy((te - mu) / sd)
    flow = RealNVP()
    train(flow, tr, args.steps, 4e-3)
    flow.eval()
    with torch.no_grad():
        print(f"test nll: {-flow.log_prob(te).mean().item():.4f}")
