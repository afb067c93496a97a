import argparse
import math

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)


def mixed_measurements(n, rng):
    """Six correlated readings of a made-up plant: a bent, two-regime distribution."""
    regime = rng.random(n) < 0.4
    load = rng.normal(0, 1, n)
    temp = np.where(regime, load ** 2 - 1, 0.5 * load + 1) + 0.15 * rng.normal(size=n)
    pressure = np.sin(1.5 * temp) + 0.2 * rng.normal(size=n)
    flow = np.abs(load) + 0.3 * pressure + 0.15 * rng.normal(size=n)
    vib = np.where(regime, 1, -1) + 0.4 * flow + 0.2 * rng.normal(size=n)
    noise = vib * load * 0.5 + 0.3 * rng.normal(size=n)
    x = np.stack([load, temp, pressure, flow, vib, noise], 1)
    return torch.from_numpy(x.astype(np.float32))


class Coupling(nn.Module):
    def __init__(self, mask, hidden):
        super().__init__()
        d = len(mask)
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(d, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 2 * d))
        nn.init.normal_(self.net[-1].weight, std=0.01)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        s, t = self.net(x * self.mask).chunk(2, -1)
        s = 2 * torch.tanh(s / 2) * (1 - self.mask)
        t = t * (1 - self.mask)
        return x * s.exp() + t, s.sum(-1)


class ActNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.log_scale, self.shift = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))

    @torch.no_grad()
    def data_init(self, x):
        self.log_scale.copy_(-x.std(0).clamp(min=1e-3).log())
        self.shift.copy_(-x.mean(0) * self.log_scale.exp())

    def forward(self, x):
        return x * self.log_scale.exp() + self.shift, self.log_scale.sum().expand(len(x))


class RealNVP(nn.Module):
    def __init__(self, d, n_blocks=4, hidden=48):
        super().__init__()
        base = torch.zeros(d)
        base[: d // 2] = 1
        layers = []
        for i in range(n_blocks):
            for j in range(2):
                mask = base if i * 2 % 2 == 0 else 1 - base
                layers += [Coupling(mask, hidden), ActNorm(d)]
        self.layers = nn.ModuleList(layers)

    def data_init(self, x):
        with torch.no_grad():
            for layer in self.layers:
                if isinstance(layer, ActNorm):
                    layer.data_init(x)
                x, _ = layer(x)

    def log_prob(self, x):
        logdet = torch.zeros(len(x))
        for layer in self.layers:
            x, ld = layer(x)
            logdet = logdet + ld
        return -0.5 * (x ** 2).sum(-1) - 0.5 * x.size(1) * math.log(2 * math.pi) + logdet


def run(seed, steps, batch, lr):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    train, test = mixed_measurements(6000, rng), mixed_measurements(1500, rng)
    mu, sd = train.mean(0), train.std(0)
    train, test = (train - mu) / sd, (test - mu) / sd
    flow = RealNVP(train.size(1))
    flow.data_init(train[:512])
    opt = torch.optim.Adam(flow.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for step in range(steps):
        xb = train[torch.randint(len(train), (batch,))]
        nll = -flow.log_prob(xb).mean()
        opt.zero_grad()
        nll.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        opt.step()
        sched.step()
        if step % 150 == 0:
            print(f"step {step:4d} nll {nll.item():.3f}")
    flow.eval()
    with torch.no_grad():
        return -flow.log_prob(test).mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=600)
    ap.add_argument("--batch", type=int, default=256)
    ap.add_argument("--lr", type=float, default=2e-3)
    a = ap.parse_args()
    print(f"test nll {run(a.seed, a.steps, a.batch, a.lr):.3f}")
