"""Forward model of a 3-joint planar arm: predict the end effector from joint angles and link lengths."""
import argparse
import math
import torch
import torch.nn as nn


def arm(n):
    q = (torch.rand(n, 3) * 2 - 1) * math.pi / 2
    l = torch.rand(n, 3) * 0.5 + 0.5
    a = q.cumsum(1)
    xy = torch.stack([(l * a.cos()).sum(1), (l * a.sin()).sum(1)], 1)
    return torch.cat([q / (math.pi / 2), (l - 0.75) / 0.15], 1), xy


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Linear") != -1:
        nn.init.normal_(m.weight, 0.0, 1.0)
        nn.init.zeros_(m.bias)


class ForwardModel(nn.Module):
    def __init__(self, width=96, depth=4):
        super().__init__()
        dims = [6] + [width] * depth
        mods = []
        for i, o in zip(dims[:-1], dims[1:]):
            mods += [nn.Linear(i, o), nn.Tanh()]
        self.trunk = nn.Sequential(*mods)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.trunk(x))


def train(seed, steps=1600):
    torch.manual_seed(seed)
    x, y = arm(6000)
    xv, yv = arm(1000)
    model = ForwardModel()
    model.apply(weights_init)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=steps)
    loss_fn = nn.SmoothL1Loss()
    for step in range(steps):
        idx = torch.randint(0, len(x), (128,))
        loss = loss_fn(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 100 == 99:
            with torch.no_grad():
                err = (model(xv) - yv).norm(dim=1).mean().item()
            print(f"step {step + 1} train {loss.item():.5f} val distance {err:.4f}")
    return err


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.set_num_threads(1)
    print(f"val distance {train(a.seed):.4f}")
