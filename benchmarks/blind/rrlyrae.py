"""
Emulator of a variable star: magnitude as function of time, fitted to survey photometry (HJD timestamps).
The star shows a fundamental and a first overtone mode (RRd, double-mode), so no simple phase folding.
"""
import os
import numpy as np
import torch
from torch import nn

SEED = int(os.environ.get("SEED", "0"))
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

P0, P1 = 0.5462, 0.4068      # days, from the periodogram


def observe(n):
    nights = rng.integers(0, 900, n)
    hjd = 2457000.5 + nights + rng.uniform(0.05, 0.45, n)
    ph0, ph1 = (hjd - 2457000.5) / P0, (hjd - 2457000.5) / P1
    saw = lambda ph, m: sum(np.sin(2 * np.pi * k * ph) / k ** 1.3 for k in range(1, m))
    mag = 15.2 + 0.25 * saw(ph0, 5) + 0.18 * saw(ph1, 3) + 0.08 * np.sin(2 * np.pi * (ph0 + ph1))
    err = rng.uniform(0.01, 0.03, n)
    return hjd, mag + err * rng.normal(size=n), err


class LightCurveNet(nn.Module):
    def __init__(self, periods, hidden=48):
        super().__init__()
        self.register_buffer("freq", torch.tensor([1.0 / p for p in periods]))
        self.mlp = nn.Sequential(nn.Linear(2 * len(periods), hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
                                 nn.Linear(hidden, 1))

    def forward(self, t):
        phase = 2 * np.pi * torch.remainder(t[:, None] * self.freq, 1.0)
        return self.mlp(torch.cat([torch.sin(phase), torch.cos(phase)], 1)).squeeze(1)


def tensors(hjd, mag, err):
    t = torch.tensor(hjd, dtype=torch.float32)
    return t, torch.tensor(mag, dtype=torch.float32), torch.tensor(err, dtype=torch.float32)


t, m, e = tensors(*observe(2500))
tt, mt, et = tensors(*observe(800))
m0, s0 = m.mean(), m.std()

net = LightCurveNet([P0, P1])
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
n_steps = 2000
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, n_steps)
for step in range(n_steps):
    b = torch.randint(0, len(t), (128,))
    model_mag = net(t[b]) * s0 + m0
    w = 1.0 / (e[b] ** 2 + 0.02 ** 2)
    loss = (w * (model_mag - m[b]) ** 2).sum() / w.sum() / s0 ** 2
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if step % 400 == 0:
        print(f"{step:5d} weighted residual (units of variance) {loss.item():.4f}")

with torch.no_grad():
    rms = ((net(tt) * s0 + m0 - mt) ** 2).mean().sqrt().item()
print(f"magnitude scatter of star {mt.std():.3f}; rms of held-out residuals in mag (lower is better)")
print(f"score: {rms:.4f}")
