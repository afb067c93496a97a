"""SIREN: fit an image from half of its pixels and predict the rest."""
import argparse
import math

import numpy as np
import torch
import torch.nn as nn


class SineLayer(nn.Module):
    def __init__(self, i, o, is_first=False, omega_0=30.0):
        super().__init__()
        self.omega_0, self.is_first = omega_0, is_first
        self.linear = nn.Linear(i, o)
        self.init_weights(i)

    def init_weights(self, n):
        with torch.no_grad():
            if self.is_first:
                self.linear.weight.uniform_(-1 / n, 1 / n)
            else:
                b = math.sqrt(6 / n)
                self.linear.weight.uniform_(-b, b)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


class Siren(nn.Module):
    def __init__(self, hidden=64, layers=2, omega_first=12.0):
        super().__init__()
        net = [SineLayer(2, hidden, True, omega_first)]
        net += [SineLayer(hidden, hidden) for _ in range(layers)]
        out = nn.Linear(hidden, 1)
        with torch.no_grad():
            b = math.sqrt(6 / hidden) / 30
            out.weight.uniform_(-b, b)
        self.net = nn.Sequential(*net, out)

    def forward(self, c):
        return self.net(c).squeeze(-1)


def landscape(S, rng):
    yy, xx = np.meshgrid(np.linspace(-1, 1, S), np.linspace(-1, 1, S), indexing="ij")
    img = 0.3 * yy
    for _ in range(7):
        cx, cy, r = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8), rng.uniform(0.08, 0.3)
        img = img + rng.uniform(-0.8, 0.8) / (1 + np.exp((np.hypot(xx - cx, yy - cy) - r) * 30))
    img = img + 0.12 * np.sin(9 * xx + 5 * yy) * (yy > 0.1)
    c = np.stack([xx, yy], -1).reshape(-1, 2)
    return torch.tensor(c, dtype=torch.float32), torch.tensor(img.reshape(-1), dtype=torch.float32)


def psnr(p, y):
    return (20 * torch.log10(y.max() - y.min()) - 10 * torch.log10((p - y).pow(2).mean())).item()


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--steps", type=int, default=500)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
coords, values = landscape(64, np.random.default_rng(args.seed))
perm = torch.randperm(len(coords))
tr, te = perm[:2048], perm[2048:]
model = Siren()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(args.steps):
    i = tr[torch.randint(0, len(tr), (1024,))]
    loss = (model(coords[i]) - values[i]).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(f"step {step} mse {loss.item():.5f}")
with torch.no_grad():
    print(f"PSNR on unseen pixels {psnr(model(coords[te]), values[te]):.2f} dB")
