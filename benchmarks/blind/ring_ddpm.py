"""Tiny DDPM on a planar point cloud of rings; scored with a sliced Wasserstein distance to fresh data."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def cloud(n, seed):
    g = torch.Generator().manual_seed(seed)
    which = torch.randint(0, 3, (n,), generator=g)
    centre = torch.tensor([[-1.0, -0.6], [1.0, -0.6], [0.0, 1.1]])[which]
    r = 0.55 + 0.05 * torch.randn(n, generator=g)
    a = 2 * math.pi * torch.rand(n, generator=g)
    return centre + r[:, None] * torch.stack([a.cos(), a.sin()], 1)


class Diffusion:
    def __init__(self, steps=100):
        self.steps = steps
        self.betas = torch.linspace(1e-3, 0.08, steps)
        self.alphas = 1 - self.betas
        self.abar = self.alphas.cumprod(0)

    def loss(self, model, x0):
        t = torch.randint(0, self.steps, (len(x0),))
        noise = torch.rand_like(x0)
        ab = self.abar[t][:, None]
        return F.mse_loss(model(ab.sqrt() * x0 + (1 - ab).sqrt() * noise, t), noise)

    @torch.no_grad()
    def sample(self, model, n):
        x = torch.randn(n, 2)
        for t in reversed(range(self.steps)):
            eps = model(x, torch.full((n,), t))
            x = (x - self.betas[t] / (1 - self.abar[t]).sqrt() * eps) / self.alphas[t].sqrt()
            if t:
                x = x + self.betas[t].sqrt() * torch.randn_like(x)
        return x


class Denoiser(nn.Module):
    def __init__(self, width=96, emb=32):
        super().__init__()
        self.freq = torch.exp(torch.arange(emb // 2) * (-math.log(1000.0) / (emb // 2)))
        self.inp = nn.Linear(2, width)
        self.time = nn.Sequential(nn.Linear(emb, width), nn.SiLU(), nn.Linear(width, width))
        self.mid = nn.ModuleList(nn.Sequential(nn.SiLU(), nn.Linear(width, width)) for _ in range(3))
        self.out = nn.Linear(width, 2)

    def forward(self, x, t):
        a = t[:, None] * self.freq
        te = self.time(torch.cat([a.sin(), a.cos()], 1))
        h = self.inp(x)
        for m in self.mid:
            h = h + m(h + te)
        return self.out(F.silu(h))


def sliced_wasserstein(a, b, n=64):
    g = torch.Generator().manual_seed(0)
    d = F.normalize(torch.randn(2, n, generator=g), dim=0)
    return ((a @ d).sort(0).values - (b @ d).sort(0).values).abs().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.manual_seed(args.seed)
    data, held = cloud(8000, 1100 + args.seed), cloud(2000, 15)
    diff, model = Diffusion(), Denoiser()
    ema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(1800):
        loss = diff.loss(model, data[torch.randint(0, len(data), (256,))])
        opt.zero_grad()
        loss.backward()
        opt.step()
        ema.update_parameters(model)
        if step % 300 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    print(f"sliced Wasserstein {sliced_wasserstein(diff.sample(ema, 2000), held):.4f}")


if __name__ == "__main__":
    main()
