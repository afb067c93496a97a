"""A denoising diffusion model of galaxy-like photometry (five bands and a size) with few sampling steps."""
import argparse
import math
from dataclasses import dataclass
import torch
import torch.nn as nn


@dataclass
class DiffusionConfig:
    timesteps: int = 40
    beta_start: float = 1e-4
    beta_end: float = 0.02
    hidden: int = 96
    lr: float = 2e-3
    iterations: int = 1500
    batch_size: int = 256


def catalogue(n, g):
    red = torch.rand(n, 1, generator=g) < 0.4
    z = torch.randn(n, 3, generator=g)
    mag = 20 + 1.5 * z[:, :1] - 0.8 * z[:, :1].pow(2) * 0.3
    colour = torch.where(red, 2.0 - 0.05 * (mag - 20) + 0.08 * z[:, 1:2], 0.9 + 0.25 * z[:, 1:2])
    size = torch.where(red, 0.3, 0.9) - 0.12 * (mag - 20) + 0.15 * z[:, 2:]
    bands = mag + colour * torch.tensor([-1.2, -0.5, 0.0, 0.5, 0.9]) + 0.05 * torch.randn(n, 5, generator=g)
    return torch.cat([bands, size], 1)


class Denoiser(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.register_buffer("freqs", torch.exp(-math.log(1000) * torch.arange(8) / 8))
        self.body = nn.Sequential(nn.Linear(6 + 16, c.hidden), nn.SiLU(), nn.Linear(c.hidden, c.hidden), nn.SiLU(),
                                  nn.Linear(c.hidden, c.hidden), nn.SiLU(), nn.Linear(c.hidden, 6))

    def forward(self, x, t):
        e = t[:, None].float() * self.freqs
        return self.body(torch.cat([x, e.sin(), e.cos()], 1))


class Diffusion:
    def __init__(self, c):
        self.c = c
        self.betas = torch.linspace(c.beta_start, c.beta_end, c.timesteps)
        self.alphas = 1 - self.betas
        self.abar = self.alphas.cumprod(0)

    def q_sample(self, x0, t, noise):
        a = self.abar[t][:, None]
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def training_loss(self, model, x0):
        t = torch.randint(0, self.c.timesteps, (len(x0),))
        noise = torch.randn_like(x0)
        return (model(self.q_sample(x0, t, noise), t) - noise).pow(2).mean()

    @torch.no_grad()
    def p_sample_loop(self, model, n):
        x = torch.randn(n, 6)
        for i in reversed(range(self.c.timesteps)):
            eps = model(x, torch.full((n,), i))
            mean = (x - self.betas[i] / (1 - self.abar[i]).sqrt() * eps) / self.alphas[i].sqrt()
            x = mean + (self.betas[i].sqrt() * torch.randn_like(x) if i else 0)
        return x


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    c = DiffusionConfig()
    g = torch.Generator().manual_seed(args.seed)
    train, held = catalogue(6000, g), catalogue(2000, g)
    mu, sd = train.mean(0), train.std(0)
    train, held = (train - mu) / sd, (held - mu) / sd
    diffusion, model = Diffusion(c), Denoiser(c)
    opt = torch.optim.Adam(model.parameters(), lr=c.lr)
    ema = [p.detach().clone() for p in model.parameters()]
    for it in range(1, c.iterations + 1):
        loss = diffusion.training_loss(model, train[torch.randint(0, len(train), (c.batch_size,))])
        opt.zero_grad()
        loss.backward()
        opt.step()
        torch._foreach_lerp_(ema, [p.detach() for p in model.parameters()], 0.01)
        if it % 300 == 0:
            print(f"iteration {it} loss {loss.item():.4f}")
    with torch.no_grad():
        for p, e in zip(model.parameters(), ema):
            p.copy_(e)
    fake = diffusion.p_sample_loop(model, 2000)
    print(f"energy distance {energy_distance(fake, held):.5f}")


main()
