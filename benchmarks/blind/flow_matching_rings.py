import argparse
import math
import torch
import torch.nn as nn


def sample_data(n, g=None):
    """Two interleaved arcs and a small ring in the plane."""
    k = torch.randint(0, 3, (n,), generator=g)
    a = torch.rand(n, generator=g) * math.pi
    arc1 = torch.stack([torch.cos(a), torch.sin(a)], 1) * 1.5 + torch.tensor([-0.7, -0.3])
    arc2 = torch.stack([torch.cos(a), -torch.sin(a)], 1) * 1.5 + torch.tensor([0.7, 0.3])
    ring = 0.4 * torch.stack([torch.cos(2 * a), torch.sin(2 * a)], 1) + torch.tensor([0.0, 2.2])
    x = torch.where((k == 0)[:, None], arc1, torch.where((k == 1)[:, None], arc2, ring))
    return x + 0.05 * torch.randn(n, 2, generator=g)


class Velocity(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.register_buffer("freq", torch.arange(1, 7).float() * math.pi)
        self.net = nn.Sequential(nn.Linear(2 + 12, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(),
                                 nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2))

    def forward(self, x, t):
        e = t[:, None] * self.freq
        return self.net(torch.cat([x, e.sin(), e.cos()], 1))


class RectifiedFlow:
    def __init__(self, model):
        self.model = model

    def interpolate(self, x1, t):
        x0 = torch.randn_like(x1)
        return (1 - t[:, None]) * x0 + t[:, None] * x1, x0

    def loss(self, x1):
        t = torch.rand(len(x1))
        xt, x0 = self.interpolate(x1, t)
        target = x1 - torch.randn_like(x1)
        return (self.model(xt, t) - target).pow(2).mean()

    @torch.no_grad()
    def sample(self, n, steps=40):
        x = torch.randn(n, 2)
        for i in range(steps):
            x = x + self.model(x, torch.full((n,), (i + 0.5) / steps)) / steps
        return x


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    flow = RectifiedFlow(Velocity())
    opt = torch.optim.AdamW(flow.model.parameters(), lr=2e-3, weight_decay=0.0)
    steps = 1800
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for step in range(1, steps + 1):
        loss = flow.loss(sample_data(256))
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 300 == 0:
            print(f"{step:5d} loss {loss.item():.4f}")
    held = sample_data(2000, torch.Generator().manual_seed(4321))
    print(f"energy distance {energy_distance(flow.sample(2000), held):.5f}")
