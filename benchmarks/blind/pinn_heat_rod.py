"""Physics-informed network for the heat equation u_t = k u_xx on a rod of 4 m over 2 hours."""
import argparse
import math
import torch
import torch.nn as nn

LENGTH, TIME, K = 4.0, 2.0, 0.35


def exact(x, t):
    a, b = math.pi / LENGTH, 3 * math.pi / LENGTH
    return torch.sin(a * x) * torch.exp(-K * a * a * t) + 0.5 * torch.sin(b * x) * torch.exp(-K * b * b * t)


def normalize(x, t):
    return 2 * x / LENGTH - 1, 2 * t / TIME - 1


class Net(nn.Module):
    def __init__(self, h=40):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, 1))

    def forward(self, xn, tn):
        return self.f(torch.cat([xn, tn], 1))


def grad(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


def residual(net, n):
    x = torch.rand(n, 1) * LENGTH
    t = torch.rand(n, 1) * TIME
    xn, tn = normalize(x, t)
    xn.requires_grad_(True)
    tn.requires_grad_(True)
    u = net(xn, tn)
    return grad(u, tn) - K * grad(grad(u, xn), xn)


def boundary(net, n):
    t = torch.rand(n, 1) * TIME
    x = torch.randint(0, 2, (n, 1)).float() * LENGTH
    return net(*normalize(x, t))


def initial(net, n):
    x = torch.rand(n, 1) * LENGTH
    t = torch.zeros(n, 1)
    return net(*normalize(x, t)) - exact(x, t)


def main(seed):
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    steps = 900
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for step in range(1, steps + 1):
        r, b, i = residual(net, 128), boundary(net, 48), initial(net, 64)
        loss = r.pow(2).mean() + 10 * b.pow(2).mean() + 10 * i.pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 150 == 0:
            print(f"{step} loss {loss.item():.5f} res {r.pow(2).mean().item():.5f}")
    gx, gt = torch.meshgrid(torch.linspace(0, LENGTH, 61), torch.linspace(0, TIME, 41), indexing="ij")
    x, t = gx.reshape(-1, 1), gt.reshape(-1, 1)
    with torch.no_grad():
        err = (net(*normalize(x, t)) - exact(x, t)).norm() / exact(x, t).norm()
    print(f"relative L2 error {err.item():.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    main(ap.parse_args().seed)
