"""DDPM on a two-dimensional spiral distribution."""
import argparse
import math
import torch
import torch.nn as nn


def spiral(n, gen):
    t = torch.sqrt(torch.rand(n, generator=gen)) * 3 * math.pi
    r = t / (3 * math.pi)
    pts = torch.stack([r * torch.cos(t), r * torch.sin(t)], 1) * 1.8
    return pts + 0.04 * torch.randn(n, 2, generator=gen)


class NoiseSchedule:
    def __init__(self, T=60):
        self.T = T
        s = torch.linspace(0, T, T + 1) / T
        ab = torch.cos((s + 0.008) / 1.008 * math.pi / 2) ** 2
        ab = ab / ab[0]
        self.beta = (1 - ab[1:] / ab[:-1]).clamp(max=0.999)
        self.alpha = 1 - self.beta
        self.abar = torch.cumprod(self.alpha, 0)

    def q_sample(self, x0, t, noise=None):
        noise = torch.randn_like(x0) if noise is None else noise
        a = self.abar[t][:, None]
        return a.sqrt() * x0 + (1 - a).sqrt() * noise


class Denoiser(nn.Module):
    def __init__(self, T, width=96):
        super().__init__()
        self.time = nn.Embedding(T, 32)
        self.inp = nn.Linear(2 + 32, width)
        self.blocks = nn.ModuleList([nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(),
                                                   nn.Linear(width, width)) for _ in range(3)])
        self.out = nn.Linear(width, 2)

    def forward(self, x, t):
        h = self.inp(torch.cat([x, self.time(t)], 1))
        for b in self.blocks:
            h = h + b(h)
        return self.out(h)


def loss_fn(model, sched, x0):
    t = torch.randint(0, sched.T, (len(x0),))
    noise = torch.randn_like(x0)
    xt = sched.q_sample(x0, t)
    return nn.functional.mse_loss(model(xt, t), noise)


@torch.no_grad()
def sample(model, sched, n):
    x = torch.randn(n, 2)
    for i in reversed(range(sched.T)):
        t = torch.full((n,), i)
        eps = model(x, t)
        a, ab, b = sched.alpha[i], sched.abar[i], sched.beta[i]
        x = (x - b / (1 - ab).sqrt() * eps) / a.sqrt()
        if i > 0:
            x = x + b.sqrt() * torch.randn_like(x)
    return x


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=1500)
    ap.add_argument("--ema", type=float, default=0.99)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    data = spiral(4000, gen)
    scale = data.std()
    data = data / scale

    sched = NoiseSchedule()
    model = Denoiser(sched.T)
    avg = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(args.ema))
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    lr = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps, eta_min=1e-5)
    smooth = None
    for step in range(args.steps):
        x0 = data[torch.randint(0, len(data), (192,), generator=gen)]
        loss = loss_fn(model, sched, x0)
        opt.zero_grad()
        loss.backward()
        opt.step()
        lr.step()
        avg.update_parameters(model)
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        if step % 150 == 0:
            print(f"step {step:5d} loss {smooth:.4f}")
    avg.eval()
    print(f"energy distance: {energy_distance(sample(avg, sched, 1500), spiral(1500, gen) / scale):.4f}")


if __name__ == "__main__":
    main()
