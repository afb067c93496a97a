"""Physics-informed net for a travelling, growing wave: u_t + c u_x = r u on a periodic strip."""
import argparse
import math

import torch
import torch.nn as nn

C, R = 1.0, 0.4


def exact(x, t):
    s = x - C * t
    return torch.exp(R * t) * (torch.sin(s) + 0.5 * torch.cos(2 * s))


class PINN(nn.Module):
    def __init__(self, width=48, depth=3):
        super().__init__()
        layers, d = [], 5
        for _ in range(depth):
            layers += [nn.Linear(d, width), nn.Tanh()]
            d = width
        layers.append(nn.Linear(d, 1))
        self.net = nn.Sequential(*layers)
        for m in self.net:
            if isinstance(m, nn.Linear):
                nn.init.xavier_normal_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x, t):
        z = torch.cat([torch.sin(x), torch.cos(x), torch.sin(2 * x), torch.cos(2 * x), t], 1)
        return self.net(z)


def gradients(y, x):
    return torch.autograd.grad(y, x, grad_outputs=torch.ones_like(y), retain_graph=True)[0]


def residual(model, x, t):
    x.requires_grad_(True)
    t.requires_grad_(True)
    u = model(x, t)
    return gradients(u, t) + C * gradients(u, x) - R * u


def sample(n, t_max=2.0):
    return torch.rand(n, 1) * 2 * math.pi, torch.rand(n, 1) * t_max


def train(seed, steps=1600):
    torch.manual_seed(seed)
    model = PINN()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9983)
    for it in range(steps):
        x, t = sample(160)
        x0, _ = sample(100)
        t0 = torch.zeros_like(x0)
        loss_pde = residual(model, x, t).pow(2).mean()
        loss_ic = (model(x0, t0) - exact(x0, t0)).pow(2).mean()
        loss = loss_pde + 10.0 * loss_ic
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if it % 200 == 0:
            print(f"it {it} pde {loss_pde.item():.4e} ic {loss_ic.item():.4e}")
    with torch.no_grad():
        x, t = sample(4000)
        u = exact(x, t)
        err = ((model(x, t) - u).pow(2).sum() / u.pow(2).sum()).sqrt().item()
    print(f"relative L2 error {err:.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    train(args.seed)
