"""Physics-informed network for a driven first-order system of two states.

    x' = v,   v' = -k x - c v,   x(0) = 1, v(0) = 0,   t in [0, T]
"""
import argparse
import math
import torch
import torch.nn as nn

K, C, T = 4.0, 0.4, 4.0


class PINN(nn.Module):
    def __init__(self, width=48, depth=3):
        super().__init__()
        layers, d = [], 1
        for _ in range(depth):
            layers += [nn.Linear(d, width), nn.Tanh()]
            d = width
        layers.append(nn.Linear(d, 2))
        self.net = nn.Sequential(*layers)

    def forward(self, t):
        return self.net(2 * t / T - 1)


def derivative(u, t):
    return torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), retain_graph=True)[0]


def residuals(model, t):
    t = t.clone().requires_grad_(True)
    out = model(t)
    x, v = out[:, :1], out[:, 1:]
    dx = derivative(x, t)
    dv = derivative(v, t)
    return dx - v, dv + K * x + C * v


def exact(t):
    g = C / 2
    w = math.sqrt(K - g * g)
    return torch.exp(-g * t) * (torch.cos(w * t) + g / w * torch.sin(w * t))


def train(model, steps, lr, seed):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, lr, total_steps=steps, pct_start=0.1)
    t0 = torch.zeros(1, 1)
    init = torch.tensor([[1.0, 0.0]])
    gen = torch.Generator().manual_seed(seed)
    for step in range(steps):
        t = torch.rand(96, 1, generator=gen) * T
        r1, r2 = residuals(model, t)
        physics = (r1 ** 2).mean() + (r2 ** 2).mean()
        boundary = ((model(t0) - init) ** 2).sum()
        loss = physics + 20.0 * boundary
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 250 == 0:
            print(f"step {step:5d} physics {physics.item():.4e} boundary {boundary.item():.4e}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--steps", type=int, default=2500)
    p.add_argument("--lr", type=float, default=5e-3)
    a = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    model = PINN()
    train(model, a.steps, a.lr, a.seed)
    with torch.no_grad():
        t = torch.linspace(0, T, 400)[:, None]
        err = (model(t)[:, :1] - exact(t)).norm() / exact(t).norm()
    print(f"relative L2 error: {err.item():.4f}")


if __name__ == "__main__":
    main()
