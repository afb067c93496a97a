"""PINN for the heat equation with decay; from a MATLAB live script. Data only at t = 0 and the walls.

"""
import argparse
import math

import torch
import torch.nn as nn

torch.set_num_threads(1)
NU, K = 0.05, 0.4


def exact(x, t):
    a = torch.exp(-(NU * math.pi ** 2 + K) * t) * torch.sin(math.pi * x)
    b = 0.5 * torch.exp(-(NU * 9 * math.pi ** 2 + K) * t) * torch.sin(3 * math.pi * x)
    return a + b


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
                               nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x, t):
        return self.f(torch.cat([2 * x - 1, 2 * t - 1], 1))


def grad(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


def residual(net, x, t):
    x.requires_grad_()
    t.requires_grad_()
    u = net(x, t)
    u_t, u_x = grad(u, t), grad(u, x)
    u_xx = grad(u_x, x)
    return u_t + NU * u_xx - K * u


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--iters", type=int, default=900)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.iters)
    for it in range(args.iters):
        r = residual(net, torch.rand(200, 1), torch.rand(200, 1))
        x0 = torch.rand(64, 1)
        t0 = torch.zeros_like(x0)
        ic = (net(x0, t0) - exact(x0, t0)).pow(2).mean()
        tb = torch.rand(64, 1)
        bc = net(torch.zeros_like(tb), tb).pow(2).mean() + net(torch.ones_like(tb), tb).pow(2).mean()
        loss = r.pow(2).mean() + 20 * ic + 20 * bc
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if it % 150 == 0:
            print(f"iter {it} residual {r.pow(2).mean().item():.5f} ic {ic.item():.5f} bc {bc.item():.5f}")
    g = torch.linspace(0, 1, 60)
    x, t = [v.reshape(-1, 1) for v in torch.meshgrid(g, g, indexing="ij")]
    with torch.no_grad():
        err = (net(x, t) - exact(x, t)).norm() / exact(x, t).norm()
    print(f"relative L2 error {err.item():.4f}")


main()
