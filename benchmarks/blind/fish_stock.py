"""PINN for a fish stock with seasonal growth and constant harvest:  du/dt = r(t) u - h,  u(0) = u0."""
import argparse
import numpy as np
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--iters", type=int, default=4500)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)

R, H, U0, TMAX = 0.5, 0.35, 1.0, 3.0


def rate(t):
    return R * (1.0 + 0.8 * torch.cos(1.5 * t))


def reference(n=2001):
    t = np.linspace(0, TMAX, n)
    dt = t[1] - t[0]
    f = lambda s, y: R * (1.0 + 0.8 * np.cos(1.5 * s)) * y - H
    y = np.empty(n)
    y[0] = U0
    for i in range(n - 1):
        k1 = f(t[i], y[i])
        k2 = f(t[i] + dt / 2, y[i] + dt / 2 * k1)
        k3 = f(t[i] + dt / 2, y[i] + dt / 2 * k2)
        k4 = f(t[i] + dt, y[i] + dt * k3)
        y[i + 1] = y[i] + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return torch.tensor(t, dtype=torch.float32)[:, None], torch.tensor(y, dtype=torch.float32)[:, None]


class Net(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(),
            nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1),
        )
        for m in self.layers:
            if isinstance(m, nn.Linear):
                nn.init.xavier_normal_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, t):
        return self.layers(t - TMAX / 2)


def residual(net, t):
    t = t.requires_grad_(True)
    u = net(t)
    u_t = torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), retain_graph=True)[0]
    return u_t - rate(t) * u + H


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1800, gamma=0.5)
t_init = torch.zeros(1, 1)
u_init = torch.full((1, 1), U0)

for it in range(args.iters):
    t = TMAX * torch.rand(96, 1)
    loss_ode = residual(net, t).pow(2).mean()
    loss_ic = (net(t_init) - u_init).pow(2).mean()
    loss = loss_ode + 10.0 * loss_ic
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if it % 250 == 0:
        print(f"iter {it:5d}  ode {loss_ode.item():.5f}  ic {loss_ic.item():.6f}")

ts, us = reference()
with torch.no_grad():
    rel = ((net(ts) - us).norm() / us.norm()).item()
print(f"relative L2 error {rel:.5f}")
