import argparse
import math
import numpy as np
import torch
import torch.nn as nn


def sensor_data(n, rng):
    """Correlated, heteroscedastic plant sensors: a few modes with very different spreads."""
    mode = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    u = rng.randn(n, 6)
    load = np.array([0.0, 3.0, -2.0])[mode] + np.array([1.0, 0.5, 0.4])[mode] * u[:, 0]
    temp = 0.6 * load + 0.15 * u[:, 1]
    vib = 0.2 * u[:, 2] * (0.2 + np.abs(load))
    flow = 0.3 * load ** 2 + 0.15 * u[:, 3]
    press = -0.5 * flow + 0.08 * u[:, 4]
    noise = 0.05 * u[:, 5] + 0.1 * np.sin(temp * 3)
    return np.stack([load, temp, vib, flow, press, noise], 1).astype(np.float32)


class Coupling(nn.Module):
    def __init__(self, dim, flip, hidden=48):
        super().__init__()
        self.flip = flip
        self.half = dim // 2
        self.net = nn.Sequential(nn.Linear(self.half, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Linear(hidden, 2 * (dim - self.half)))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)
        self.scale = nn.Parameter(torch.zeros(dim - self.half))

    def forward(self, x):
        if self.flip:
            x = x.flip(1)
        a, b = x[:, :self.half], x[:, self.half:]
        s, t = self.net(a).chunk(2, 1)
        s = torch.tanh(s) * self.scale
        b = (b + t) * torch.exp(s)
        y = torch.cat([a, b], 1)
        if self.flip:
            y = y.flip(1)
        return y, s.sum(1)


class Flow(nn.Module):
    def __init__(self, dim, layers=8):
        super().__init__()
        self.layers = nn.ModuleList([Coupling(dim, i % 2 == 1) for i in range(layers)])
        self.dim = dim

    def log_prob(self, x):
        ld = 0.0
        for l in self.layers:
            x, d = l(x)
            ld = ld + d
        return -0.5 * (x.pow(2).sum(1) + self.dim * math.log(2 * math.pi)) + ld


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(a.seed)
    tr, te = sensor_data(5000, rng), sensor_data(1500, rng)
    mu, sd = tr.mean(0), tr.std(0)
    tr, te = torch.from_numpy((tr - mu) / sd), torch.from_numpy((te - mu) / sd)
    flow = Flow(6)
    opt = torch.optim.Adam(flow.parameters(), lr=1e-3)
    epochs = 16
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    for ep in range(epochs):
        tot = 0.0
        for b in torch.randperm(len(tr)).split(128):
            loss = -flow.log_prob(tr[b]).mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
            opt.step()
            tot += loss.item() * len(b)
        sched.step()
        if ep % 4 == 3:
            print(f"epoch {ep + 1} nll {tot / len(tr):.4f}")
    with torch.no_grad():
        print(f"test nll {-flow.log_prob(te).mean().item():.4f}")


if __name__ == "__main__":
    main()
