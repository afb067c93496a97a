"""A flat 'radiance field': density and colour along rays through coloured discs, fitted from rendered pixels."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)

DISCS = torch.tensor([[0.35, 0.3, 0.18], [-0.4, 0.2, 0.22], [0.0, -0.4, 0.2], [-0.1, 0.55, 0.12]])
COLORS = torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.7, 0.3], [0.2, 0.3, 0.9], [0.9, 0.8, 0.2]])


def truth(p):
    d = (p[..., None, :] - DISCS[:, :2]).norm(dim=-1) - DISCS[:, 2]
    inside = torch.sigmoid(-d * 40)
    sigma = 25 * inside.max(-1).values
    color = (inside[..., None] * COLORS).sum(-2) / (inside.sum(-1, keepdim=True) + 1e-3)
    return sigma, color


def composite(sigma, color, delta):
    alpha = 1 - torch.exp(-sigma * delta)
    trans = torch.cumprod(1 - alpha + 1e-10, -1)
    trans = torch.cat([torch.ones_like(trans[..., :1]), trans[..., :-1]], -1)
    w = alpha * trans
    return (w[..., None] * color).sum(-2) + (1 - w.sum(-1, keepdim=True))


class Camera:
    def __init__(self, n_samples=32, near=1.0, far=3.0):
        self.n, self.near, self.far = n_samples, near, far

    def rays(self, angle, offset):
        origin = 2 * torch.stack([torch.cos(angle), torch.sin(angle)], -1)
        heading = angle + math.pi + offset
        return origin, torch.stack([torch.cos(heading), torch.sin(heading)], -1)

    def points(self, o, d, jitter=True):
        edges = torch.linspace(self.near, self.far, self.n + 1)
        u = torch.rand(o.size(0), self.n) if jitter else 0.5
        z = edges[:-1] + u * (edges[1:] - edges[:-1])
        return o[:, None] + d[:, None] * z[..., None], (self.far - self.near) / self.n


class Field(nn.Module):
    def __init__(self, freqs=5, width=64, density_shift=-1.5):
        super().__init__()
        self.register_buffer("bands", 2.0 ** torch.arange(freqs) * math.pi / 2)
        self.trunk = nn.Sequential(nn.Linear(2 + 4 * freqs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.sigma, self.rgb = nn.Linear(width, 1), nn.Linear(width, 3)
        self.shift = density_shift

    def forward(self, p):
        a = (p[..., None] * self.bands).flatten(-2)
        h = self.trunk(torch.cat([p, torch.sin(a), torch.cos(a)], -1))
        sigma = 10 * F.relu(self.sigma(h).squeeze(-1) + self.shift)
        return sigma, torch.sigmoid(self.rgb(h))


def dataset(n, seed, cam):
    g = torch.Generator().manual_seed(seed)
    angle = torch.rand(n, generator=g) * 2 * math.pi
    off = (torch.rand(n, generator=g) - 0.5) * 0.8
    o, d = cam.rays(angle, off)
    fine = Camera(160)
    p, delta = fine.points(o, d, jitter=False)
    return o, d, composite(*truth(p), delta)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    cam = Camera()
    o, d, rgb = dataset(6000, 90 + args.seed, cam)
    to, td, trgb = dataset(1000, 2, cam)
    field = Field()
    opt = torch.optim.Adam(field.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.997)
    for step in range(500):
        i = torch.randint(0, len(o), (128,))
        p, delta = cam.points(o[i], d[i])
        loss = F.mse_loss(composite(*field(p), delta), rgb[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 100 == 0:
            print(f"step {step} mse {loss.item():.5f}")
    with torch.no_grad():
        p, delta = cam.points(to, td, jitter=False)
        psnr = -10 * torch.log10(F.mse_loss(composite(*field(p), delta), trgb))
    print(f"held-out PSNR {psnr.item():.3f}")


if __name__ == "__main__":
    main()
