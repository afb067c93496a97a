"""Wind farm power curve model, trained in bfloat16 for a small edge device."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--steps", type=int, default=3000)
parser.add_argument("--lr", type=float, default=1e-3)
args = parser.parse_args()


def scada(n, rng):
    wind = rng.weibull(2.1, n) * 8.5
    turb = rng.gamma(4, 0.03, n)
    direction = rng.uniform(0, 2 * np.pi, n)
    density = rng.normal(1.22, 0.04, n)
    yaw = rng.normal(0, 6, n)
    pitch = np.clip((wind - 11) * 2.2, 0, 25) + rng.normal(0, 0.4, n)
    wake = 1 - 0.18 * np.exp(-((np.cos(direction - 1.1) - 1) ** 2) / 0.02)
    eff = wind * wake * np.cos(np.deg2rad(yaw)) ** (2 / 3) * (density / 1.225) ** (1 / 3)
    power = 2000 / (1 + np.exp(-(eff - 8.2) * 0.95 / (1 + turb))) * (eff > 3)
    power = power + rng.normal(0, 25, n)
    x = np.stack([wind, turb, np.sin(direction), np.cos(direction), density, yaw, pitch], 1)
    return x, power


class PowerCurve(nn.Module):
    def __init__(self, d, h=64):
        super().__init__()
        self.inp = nn.Linear(d, h)
        self.mid = nn.Linear(h, h)
        self.out = nn.Linear(h, 1)
        self.act = nn.SiLU()

    def forward(self, x):
        h = self.act(self.inp(x))
        h = h + self.act(self.mid(h))
        return self.out(h).squeeze(-1)


torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)
x, p = scada(6000, rng)
xt, pt = scada(2000, rng)
mx, sx, mp, sp = x.mean(0), x.std(0), p.mean(), p.std()
x, xt = [torch.tensor((v - mx) / sx, dtype=torch.float32) for v in (x, xt)]
p, pt = [torch.tensor((v - mp) / sp, dtype=torch.float32) for v in (p, pt)]

model = PowerCurve(x.shape[1]).to(torch.bfloat16)
x, xt, p = x.bfloat16(), xt.bfloat16(), p.bfloat16()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)

for step in range(args.steps):
    idx = torch.randint(0, len(x), (64,))
    pred = model(x[idx])
    loss = nn.functional.mse_loss(pred.float(), p[idx].float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 250 == 0:
        print(f"step {step:5d} loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    pred = model(xt).float()
r2 = 1 - ((pred - pt) ** 2).mean() / pt.var()
print(f"test R2: {r2.item():.4f}")
