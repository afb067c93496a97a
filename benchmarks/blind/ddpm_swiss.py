import os, math
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_swiss_roll


class Cfg:
    T = 100
    beta1, betaT = 1e-3, 0.12
    width = 96
    iters = 1500
    bs = 256
    lr = 2e-3
    seed = int(os.environ.get("SEED", "0"))


class Denoiser(nn.Module):
    """eps_theta(x_t, t)"""

    def __init__(self, c):
        super().__init__()
        freqs = torch.exp(torch.linspace(math.log(1.0), math.log(50.0), 16))
        self.register_buffer("freqs", freqs)
        self.T = c.T
        self.body = nn.Sequential(
            nn.Linear(2 + 32, c.width), nn.SiLU(),
            nn.Linear(c.width, c.width), nn.SiLU(),
            nn.Linear(c.width, c.width), nn.SiLU(),
            nn.Linear(c.width, 2),
        )

    def forward(self, x, t):
        a = (t.float() / self.T)[:, None] * self.freqs[None]
        return self.body(torch.cat([x, a.sin(), a.cos()], dim=1))


class DDPM:
    def __init__(self, c):
        self.c = c
        self.betas = torch.linspace(c.beta1, c.betaT, c.T)
        self.alphas = 1.0 - self.betas
        self.abar = torch.cumprod(self.alphas, 0)
        self.eps_model = Denoiser(c)

    def q_sample(self, x0, t, eps):
        ab = self.abar[t][:, None]
        return ab.sqrt() * x0 + (1 - ab).sqrt() * eps

    def loss(self, x0):
        t = torch.randint(0, self.c.T, (x0.shape[0],))
        eps = torch.rand_like(x0)
        xt = self.q_sample(x0, t, eps)
        return ((eps - self.eps_model(xt, t)) ** 2).mean()

    @torch.no_grad()
    def sample(self, n):
        x = torch.randn(n, 2)
        for i in reversed(range(self.c.T)):
            t = torch.full((n,), i, dtype=torch.long)
            e = self.eps_model(x, t)
            x = (x - self.betas[i] / (1 - self.abar[i]).sqrt() * e) / self.alphas[i].sqrt()
            if i > 0:
                x = x + self.betas[i].sqrt() * torch.randn_like(x)
        return x


def roll(n, seed):
    pts, _ = make_swiss_roll(n, noise=0.2, random_state=seed)
    xy = pts[:, [0, 2]] / 8.0
    return torch.tensor(xy, dtype=torch.float32)


def sliced_w(a, b, k=64):
    th = torch.linspace(0, math.pi, k)
    d = torch.stack([th.cos(), th.sin()])
    pa, pb = (a @ d).sort(0)[0], (b @ d).sort(0)[0]
    return (pa - pb).abs().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    c = Cfg()
    torch.manual_seed(c.seed)
    x = roll(4000, c.seed)
    d = DDPM(c)
    opt = torch.optim.Adam(d.eps_model.parameters(), lr=c.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, c.iters)
    for k in range(c.iters):
        l = d.loss(x[torch.randint(0, len(x), (c.bs,))])
        opt.zero_grad(); l.backward(); opt.step(); sched.step()
        if k % 250 == 0:
            print(k, "simple loss", round(l.item(), 4))
    gen = d.sample(2000)
    print("sample mean", gen.mean(0).tolist(), "std", gen.std(0).tolist())
    print("sliced W1 to fresh data (lower = better)")
    print("score: %.4f" % sliced_w(gen, roll(2000, c.seed + 777)))
