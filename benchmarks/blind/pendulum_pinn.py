"""Physics-informed network for a damped, driven pendulum written as two first-order ODEs (angle, speed)."""
import argparse

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
OMEGA2, DAMP, T_END = 4.0, 0.3, 3.0


def rhs(t, angle, speed, lib):
    return speed, -OMEGA2 * lib.sin(angle) - DAMP * speed + 0.5 * lib.cos(1.5 * t)


def reference(n=400):
    ts = np.linspace(0, T_END, n * 10 + 1)
    h = ts[1]
    y = np.array([1.2, 0.0])
    out = [y]
    f = lambda t, y: np.array(rhs(t, y[0], y[1], np))
    for t in ts[:-1]:
        a = f(t, y)
        b = f(t + h / 2, y + h / 2 * a)
        c = f(t + h / 2, y + h / 2 * b)
        d = f(t + h, y + h * c)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
        out.append(y)
    return torch.tensor(ts[::10], dtype=torch.float32), torch.tensor(np.array(out)[::10], dtype=torch.float32)


class Field(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, t):
        return self.net(t / T_END * 2 - 1)


def derivative(out, t):
    cols = []
    for k in range(out.size(1)):
        g = torch.autograd.grad(out[:, k].sum(), t, retain_graph=True)[0]
        cols.append(g)
    return torch.cat(cols, 1)


def physics_loss(model, n, gen):
    t = (torch.rand(n, 1, generator=gen) * T_END).requires_grad_(True)
    y = model(t)
    dy = derivative(y, t)
    f_angle, f_speed = rhs(t[:, 0], y[:, 0], y[:, 1], torch)
    return ((dy[:, 0] - f_angle) ** 2).mean() + ((dy[:, 1] - f_speed) ** 2).mean()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    model = Field()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.999)
    y0 = torch.tensor([[1.2, 0.0]])
    zero = torch.zeros(1, 1)
    for step in range(2000):
        res = physics_loss(model, 128, gen)
        ic = ((model(zero) - y0) ** 2).sum()
        loss = res + 10 * ic
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 400 == 0:
            print(f"step {step} residual {res.item():.5f} ic {ic.item():.6f}")
    ts, ys = reference()
    with torch.no_grad():
        err = (model(ts[:, None]) - ys).norm() / ys.norm()
    print(f"relative L2 error {err.item():.4f}")


if __name__ == "__main__":
    main()
