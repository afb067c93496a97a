# DDPM on 8x8 digits (eps-prediction), sample quality by a classifier-free statistic.
import argparse
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


@dataclass
class Config:
    T: int = 60
    hidden: int = 192
    steps: int = 1500
    batch: int = 96
    lr: float = 2e-3


def timestep_embedding(t, dim):
    half = dim // 2
    freqs = torch.exp(-math.log(10000) * torch.arange(half) / half)
    a = t[:, None].float() * freqs[None]
    return torch.cat([a.cos(), a.sin()], -1)


class Denoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.temb = nn.Sequential(nn.Linear(32, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.inp = nn.Linear(64, hidden)
        self.l1 = nn.Linear(hidden, hidden)
        self.l2 = nn.Linear(hidden, hidden)
        self.n1, self.n2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, 64)

    def forward(self, x, t):
        e = self.temb(timestep_embedding(t, 32))
        h = self.inp(x)
        h = h + self.l1(F.silu(self.n1(h) + e))
        h = h + self.l2(F.silu(self.n2(h) + e))
        return self.out(h)


class GaussianDiffusion:
    def __init__(self, T):
        self.T = T
        betas = torch.linspace(1e-3, 0.16, T)
        alphas = 1 - betas
        self.betas, self.alphas = betas, alphas
        self.abar = torch.cumprod(alphas, 0)

    def q_sample(self, x0, t, noise):
        a = self.abar[t][:, None]
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def p_losses(self, model, x0):
        t = torch.randint(0, self.T, (x0.size(0),))
        noise = torch.rand_like(x0)
        xt = self.q_sample(x0, t, noise)
        return F.mse_loss(model(xt, t), noise)

    @torch.no_grad()
    def sample(self, model, n):
        x = torch.randn(n, 64)
        for i in reversed(range(self.T)):
            t = torch.full((n,), i)
            eps = model(x, t)
            mean = (x - self.betas[i] / (1 - self.abar[i]).sqrt() * eps) / self.alphas[i].sqrt()
            x = mean + (self.betas[i].sqrt() * torch.randn_like(x) if i > 0 else 0)
        return x.clamp(-1, 1)


def sliced_wasserstein(a, b, n_proj=200):
    g = torch.Generator().manual_seed(7)
    d = F.normalize(torch.randn(a.size(1), n_proj, generator=g), dim=0)
    n = min(len(a), len(b))
    pa, pb = (a[:n] @ d).sort(0).values, (b[:n] @ d).sort(0).values
    return (pa - pb).pow(2).mean().sqrt().item()


def run(seed):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    np.random.seed(seed)
    cfg = Config()
    X = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
    perm = torch.randperm(len(X))
    train, test = X[perm[:1300]], X[perm[1300:]]
    model, diff = Denoiser(cfg.hidden), GaussianDiffusion(cfg.T)
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.steps)
    for step in range(cfg.steps):
        idx = torch.randint(0, len(train), (cfg.batch,))
        loss = diff.p_losses(model, train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 300 == 0:
            print(step, round(loss.item(), 4))
    s = diff.sample(model, len(test))
    print(f"sliced wasserstein to held-out digits (lower better): {sliced_wasserstein(s, test):.4f}")


p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
run(p.parse_args().seed)
