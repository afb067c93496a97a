import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

"""Seasonal forecast of the Nino3.4 index from maps of sea surface temperature anomalies, toy climate (LIM)."""

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
np.random.seed(SEED)
torch.manual_seed(SEED)

NLAT, NLON, LEAD, HIST = 8, 24, 5, 3


def run_climate(months):
    # recharge oscillator: east Pacific SST (T) and warm water volume (h), plus noise and extratropical patterns
    T, h, mode = 0.0, 0.3, np.zeros(4)
    lat, lon = np.meshgrid(np.linspace(-1, 1, NLAT), np.linspace(0, 1, NLON), indexing="ij")
    pT = np.exp(-lat ** 2 / 0.15) * np.exp(-((lon - 0.75) / 0.2) ** 2)
    ph = np.exp(-lat ** 2 / 0.3) * np.exp(-((lon - 0.3) / 0.15) ** 2)
    others = np.stack([np.sin(2 * np.pi * (k + 1) * lon) * np.abs(lat) for k in range(4)])
    maps, nino = [], []
    for m in range(months):
        T, h = (0.88 * T + 0.28 * h - 0.02 * T ** 3 + 0.07 * np.random.randn(),
                0.95 * h - 0.25 * T + 0.05 * np.random.randn())
        mode = 0.8 * mode + 0.3 * np.random.randn(4)
        f = T * pT + h * ph + np.tensordot(mode, others, 1) + 0.15 * np.random.randn(NLAT, NLON)
        maps.append(f)
        nino.append(T)
    return np.array(maps, dtype=np.float32), np.array(nino, dtype=np.float32)


maps, nino = run_climate(2600)
scale = maps[:2000].std()
maps = torch.from_numpy(maps / scale)
target = torch.from_numpy(nino / nino[:2000].std())
t = torch.arange(HIST - 1, len(maps) - LEAD)
inputs = torch.stack([maps[t - k] for k in range(HIST)], 1)       # last three months as channels
target = target[t + LEAD]
n = 1950
Xtr, ytr = inputs[:n], target[:n]
Xte, yte = inputs[n + 20:], target[n + 20:]


class Ham2019(nn.Module):
    """after Ham et al. (Nature 2019), shrunk"""
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(HIST, 12, (3, 5), padding=(1, 2))
        self.conv2 = nn.Conv2d(12, 12, (3, 3), padding=1)
        self.fc1 = nn.Linear(12 * 2 * 6, 24)
        self.fc2 = nn.Linear(24, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return x.squeeze(1)


net = Ham2019()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
n_ep = 12
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, n_ep)
for ep in range(n_ep):
    net.train()
    s = 0.0
    for b in torch.randperm(n).split(32):
        loss = F.mse_loss(net(Xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item() * len(b)
    sched.step()
    if ep % 3 == 0:
        print(f"epoch {ep}: mse {s / n:.3f}")

net.eval()
with torch.no_grad():
    p = net(Xte)
print("correlation skill %.3f" % np.corrcoef(p.numpy(), yte.numpy())[0, 1])
print("test rmse in standard deviations of the index, lead 5 months (lower is better)")
print("score: %.4f" % (p - yte).pow(2).mean().sqrt().item())
