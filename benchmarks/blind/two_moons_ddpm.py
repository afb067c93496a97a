"""DDPM on 2-D point clouds. Rewritten from a JAX notebook."""
import argparse
import math

import torch
import torch.nn as nn
from sklearn.datasets import make_moons

torch.set_num_threads(1)
T = 60
betas = torch.linspace(1e-3, 0.12, T)
alphas = 1 - betas
abar = torch.cumprod(alphas, 0)


class Denoiser(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 + 16, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
                                 nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))
        self.register_buffer("freq", torch.exp(torch.linspace(0, math.log(100.0), 8)))

    def forward(self, x, t):
        a = (t.float() / T)[:, None] * self.freq
        return self.net(torch.cat([x, a.sin(), a.cos()], 1))


def loss_fn(model, x0, key):
    g = torch.Generator().manual_seed(key)
    t = torch.randint(0, T, (len(x0),), generator=g)
    eps = torch.randn(x0.shape, generator=g)
    a = abar[t][:, None]
    xt = a.sqrt() * x0 + (1 - a).sqrt() * eps
    return ((model(xt, t) - eps) ** 2).mean()


@torch.no_grad()
def sample(model, n, key):
    g = torch.Generator().manual_seed(key)
    x = torch.randn(n, 2, generator=g)
    for i in reversed(range(T)):
        t = torch.full((n,), i)
        eps = model(x, t)
        x = (x - betas[i] / (1 - abar[i]).sqrt() * eps) / alphas[i].sqrt()
        if i:
            x = x + betas[i].sqrt() * torch.randn(n, 2, generator=g)
    return x


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def get_data(n, seed):
    x, _ = make_moons(n, noise=0.06, random_state=seed)
    x = torch.tensor(x, dtype=torch.float32)
    return (x - torch.tensor([0.5, 0.25])) / torch.tensor([0.87, 0.5])


def main(seed):
    torch.manual_seed(seed)
    data, held_out = get_data(4000, seed), get_data(1500, seed + 1000)
    model = Denoiser()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    key = seed + 17
    for step in range(2000):
        batch = data[torch.randint(0, len(data), (64,))]
        loss = loss_fn(model, batch, key)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 300 == 0:
            print(f"step {step:5d} loss {loss.item():.4f}")
    x = sample(model, 1500, key + 1)
    print(f"energy distance to held-out points {energy_distance(x, held_out):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    main(ap.parse_args().seed)
