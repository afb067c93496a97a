"""Next-hour footfall at a street crossing with a dilated causal network."""
import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)


def footfall(n_weeks, seed):
    rng = np.random.default_rng(seed)
    h = np.arange(n_weeks * 168)
    hour, day = h % 24, (h // 24) % 7
    base = np.exp(-((hour - 8.5) / 2) ** 2) + 1.3 * np.exp(-((hour - 17.5) / 2.5) ** 2) + 0.15
    base = np.where(day >= 5, 0.9 * np.exp(-((hour - 14) / 4) ** 2) + 0.1, base)
    weather = np.zeros(len(h))
    for i in range(1, len(h)):
        weather[i] = 0.9 * weather[i - 1] + 0.15 * rng.normal()
    return (base * np.exp(weather) * 100 + rng.normal(size=len(h)) * 3).clip(0)


class CausalBlock(nn.Module):
    def __init__(self, ch, dilation):
        super().__init__()
        self.pad = 2 * dilation
        self.conv1 = nn.Conv1d(ch, ch, 3, dilation=dilation)
        self.conv2 = nn.Conv1d(ch, ch, 1)

    def forward(self, x):
        z = F.relu(self.conv1(F.pad(x, (self.pad, 0))))
        return F.relu(x + self.conv2(z))


class TCN(nn.Module):
    def __init__(self, ch=16, depth=5):
        super().__init__()
        self.inp = nn.Conv1d(1, ch, 1)
        self.blocks = [CausalBlock(ch, 2 ** k) for k in range(depth)]
        self.out = nn.Conv1d(ch, 1, 1)

    def forward(self, x):
        h = self.inp(x)
        for b in self.blocks:
            h = b(h)
        return self.out(h)[..., -1].squeeze(1)


series = footfall(26, SEED).astype(np.float32)
L = 72
split = 20 * 168
mu, sd = series[:split].mean(), series[:split].std()
z = torch.tensor((series - mu) / sd)


def windows(lo, hi):
    idx = torch.arange(lo, hi)
    X = torch.stack([z[i - L:i] for i in idx]).unsqueeze(1)
    return X, z[idx]


Xtr, Ytr = windows(L, split)
Xte, Yte = windows(split, len(z))

model = TCN()
print("trainable:", sum(p.numel() for p in model.parameters() if p.requires_grad))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)

for epoch in range(10):
    model.train()
    acc = 0.0
    for idx in torch.randperm(len(Xtr)).split(64):
        loss = F.mse_loss(model(Xtr[idx]), Ytr[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        acc += loss.item() * len(idx)
    scheduler.step()
    if epoch % 2 == 1:
        print(f"epoch {epoch + 1}: mse {acc / len(Xtr):.4f}")

model.eval()
with torch.no_grad():
    pred = model(Xte)
print("MAE (people): %.2f" % ((pred - Yte).abs().mean().item() * sd))
print("score: %.4f" % F.mse_loss(pred, Yte).item())
