import copy
import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


def leaf(species, size=20):
    """outline with lobes: species differ in number of lobes and roundness"""
    yy, xx = np.mgrid[-1:1:size * 1j, -1:1:size * 1j]
    r, a = np.hypot(xx, yy), np.arctan2(yy, xx)
    lobes = [2, 3, 4, 5, 6][species]
    edge = 0.6 + 0.22 * np.cos(lobes * (a + rng.uniform(0, 2 * np.pi))) + rng.normal() * 0.05
    img = 1 / (1 + np.exp((r - edge) * 12))
    return img * rng.uniform(0.6, 1.2) + rng.normal(size=img.shape) * 0.15


def build(n):
    y = rng.integers(0, 5, n)
    x = np.stack([leaf(k) for k in y]).astype(np.float32)[:, None]
    return torch.tensor(x), torch.tensor(y)


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(32 * 25, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        return self.classifier(self.features(x))


class ModelEMA:
    def __init__(self, model, decay=0.9999):
        self.module = copy.deepcopy(model).eval()
        for p in self.module.parameters():
            p.requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for e, p in zip(self.module.state_dict().values(), model.state_dict().values()):
            e.mul_(self.decay).add_(p, alpha=1 - self.decay)


xtr, ytr = build(1500)
xte, yte = build(500)
m, s = xtr.mean(), xtr.std()
xtr, xte = (xtr - m) / s, (xte - m) / s

model = LeafNet()
ema = ModelEMA(model)
opt = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-3)
dl = DataLoader(TensorDataset(xtr, ytr), batch_size=32, shuffle=True, drop_last=True)
for epoch in range(10):
    model.train()
    losses = []
    for xb, yb in dl:
        loss = F.cross_entropy(model(xb), yb)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        ema.update(model)
        losses.append(loss.item())
    if epoch % 2 == 1:
        print("epoch %d: loss %.4f" % (epoch + 1, np.mean(losses)))

with torch.no_grad():
    acc = (ema.module(xte).argmax(1) == yte).float().mean().item()
print("score: %.4f" % acc)
