"""WGAN-GP that generates daily electricity load profiles."""
import argparse
import math
import torch
import torch.nn as nn

ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--critic-iters", type=int, default=3)
ap.add_argument("--gp-weight", type=float, default=10.0)
opt = ap.parse_args()
torch.manual_seed(opt.seed)
torch.set_num_threads(1)
HOURS, NZ = 24, 12


def profiles(n):
    h = torch.arange(HOURS).float()
    kind = (torch.rand(n, 1) < 0.35).float()
    morning = torch.exp(-0.5 * ((h - 7.5 - 0.7 * torch.randn(n, 1)) / 1.5) ** 2)
    evening = torch.exp(-0.5 * ((h - 19 - 0.8 * torch.randn(n, 1)) / 2.2) ** 2)
    office = torch.sigmoid((h - 8) * 1.5) * torch.sigmoid((17.5 - h) * 1.5)
    home = (0.6 + 0.2 * torch.rand(n, 1)) * morning + (1.0 + 0.3 * torch.rand(n, 1)) * evening
    x = 0.2 + (1 - kind) * home + kind * office * (0.9 + 0.3 * torch.rand(n, 1))
    return 2 * x - 1 + 0.03 * torch.randn(n, HOURS)


G = nn.Sequential(nn.Linear(NZ, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, HOURS))
C = nn.Sequential(nn.Linear(HOURS, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.9))
opt_c = torch.optim.Adam(C.parameters(), lr=1e-3, betas=(0.5, 0.9))


def gradient_penalty(real, fake):
    eps = torch.rand(len(real), 1)
    mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
    score = C(mix)
    grad = torch.autograd.grad(score.sum(), mix)[0]
    return ((grad.norm(2, dim=1) - 1) ** 2).mean()


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


data, held = profiles(4000), profiles(1000)
for it in range(1, 701):
    for _ in range(opt.critic_iters):
        real = data[torch.randint(0, len(data), (64,))]
        fake = G(torch.randn(64, NZ)).detach()
        wdist = C(real).mean() - C(fake).mean()
        loss_c = -wdist + opt.gp_weight * gradient_penalty(real, fake)
        opt_c.zero_grad()
        loss_c.backward()
        opt_c.step()
    loss_g = -C(G(torch.randn(64, NZ))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if it % 100 == 0:
        print(f"iter {it} W {wdist.item():.3f} G {loss_g.item():.3f}")

with torch.no_grad():
    print(f"energy distance {energy_distance(G(torch.randn(1000, NZ)), held):.5f}")
