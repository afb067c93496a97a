"""Coordinate network with Fourier positional encoding fitted to part of the pixels of a picture."""
import argparse
import math
import numpy as np
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--bands", type=int, default=5)
args = parser.parse_args()
torch.manual_seed(args.seed)
torch.set_num_threads(1)


def picture(n, rng):
    """A small landscape: sky gradient, hills, a sun and some textured houses."""
    yy, xx = np.mgrid[0:n, 0:n] / n
    img = np.stack([0.5 + 0.3 * yy, 0.6 + 0.2 * yy, 0.9 - 0.2 * yy], -1)
    sun = np.hypot(yy - rng.uniform(0.1, 0.3), xx - rng.uniform(0.2, 0.8)) < 0.09
    img[sun] = [1.0, 0.85, 0.3]
    for k in range(3):
        top = 0.45 + 0.15 * k + 0.07 * np.sin(2 * np.pi * (xx * rng.uniform(0.8, 2.0) + rng.rand()))
        hill = yy > top
        img[hill] = np.array([0.2, 0.55, 0.25]) * (0.9 - 0.22 * k) + 0.03
    for _ in range(4):
        y0, x0 = rng.uniform(0.55, 0.8), rng.uniform(0.05, 0.8)
        box = (yy > y0) & (yy < y0 + 0.16) & (xx > x0) & (xx < x0 + 0.14)
        img[box] = rng.uniform(0.5, 0.9, 3)
        win = (yy > y0 + 0.05) & (yy < y0 + 0.1) & (xx > x0 + 0.04) & (xx < x0 + 0.09)
        img[win] = 0.1
    return torch.tensor(np.clip(img, 0, 1), dtype=torch.float32)


img = picture(48, np.random.RandomState(args.seed))
H, W, _ = img.shape


def pixel_grid(h, w):
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    grid = torch.stack([ys, xs], -1).reshape(-1, 2).float()
    return grid


class PositionalEncoding(nn.Module):
    def __init__(self, bands):
        super().__init__()
        self.register_buffer("freq", math.pi * 2.0 ** torch.arange(bands))

    def forward(self, x):
        a = (x[..., None] * self.freq).flatten(1)
        return torch.cat([a.sin(), a.cos()], -1)


class Field(nn.Module):
    def __init__(self, bands, h=96):
        super().__init__()
        self.enc = PositionalEncoding(bands)
        self.net = nn.Sequential(nn.Linear(4 * bands, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(),
                                 nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 3))

    def forward(self, x):
        return torch.sigmoid(self.net(self.enc(x)))


coords = pixel_grid(H, W)
colours = img.reshape(-1, 3)
perm = torch.randperm(len(coords))
fit, held = perm[: int(0.7 * len(perm))], perm[int(0.7 * len(perm)):]
field = Field(args.bands)
opt = torch.optim.Adam(field.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.997)
for it in range(1, 801):
    b = fit[torch.randint(0, len(fit), (512,))]
    loss = (field(coords[b]) - colours[b]).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if it % 200 == 0:
        print(f"iteration {it} psnr {-10 * math.log10(loss.item()):.2f}")
with torch.no_grad():
    mse = (field(coords[held]) - colours[held]).pow(2).mean().item()
print(f"held-out psnr {-10 * math.log10(mse):.3f}")
