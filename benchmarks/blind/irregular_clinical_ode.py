"""Latent dynamics of drug concentration with irregular sampling times (neural ODE, RK4)."""
import argparse
import torch
import torch.nn as nn

STEPS = 12


class Kinetics:
    """Two-compartment pharmacokinetics with saturable elimination."""

    @staticmethod
    def rhs(y):
        c, p = y[..., :1], y[..., 1:]
        dc = -1.2 * c / (0.5 + c) - 0.6 * c + 0.4 * p
        return torch.cat([dc, 0.6 * c - 0.4 * p], -1)

    @classmethod
    def simulate(cls, n, g):
        y = torch.cat([0.5 + 2 * torch.rand(n, 1, generator=g), 0.5 * torch.rand(n, 1, generator=g)], 1)
        gaps = 0.03 + torch.distributions.Exponential(1.0).icdf(torch.rand(n, STEPS, generator=g) * 0.97) * 0.4
        times = torch.cat([torch.zeros(n, 1), gaps.cumsum(1)], 1)
        ys = [y]
        for k in range(STEPS):
            h = gaps[:, k:k + 1] / 20
            for _ in range(20):
                k1 = cls.rhs(y)
                y = y + h * cls.rhs(y + 0.5 * h * k1)
            ys.append(y)
        ys = torch.stack(ys, 1)
        return times, ys + 0.01 * torch.randn(ys.shape, generator=g), ys


class ODEFunc(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, 2))

    def forward(self, y):
        return self.net(y)


def rk4(f, y, h):
    k1 = f(y)
    k2 = f(y + h / 2 * k1)
    k3 = f(y + h / 2 * k2)
    k4 = f(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def odeint(f, y0, times):
    out = [y0]
    for k in range(times.shape[1] - 1):
        h = (times[0, k + 1] - times[0, k]).view(1, 1)
        out.append(rk4(f, out[-1], h))
    return torch.stack(out, 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(args.seed)
    t, y, _ = Kinetics.simulate(600, g)
    tt, yt, clean = Kinetics.simulate(200, g)
    f = ODEFunc()
    opt = torch.optim.Adam(f.parameters(), lr=5e-3)
    steps = 300
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for step in range(1, steps + 1):
        i = torch.randint(0, len(y), (48,))
        loss = (odeint(f, y[i, 0], t[i]) - y[i]).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(f.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.5f}")
    with torch.no_grad():
        pred = torch.stack([odeint(f, clean[i:i + 1, 0], tt[i:i + 1])[0] for i in range(len(clean))])
    print(f"trajectory rmse {(pred - clean).pow(2).mean().sqrt().item():.4f}")


main()
