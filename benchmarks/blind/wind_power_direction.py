"""Power of a wind farm from speed, direction, density. MATLAB code moved to torch."""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def simulate(rng, n):
    direction = rng.uniform(0, 360, n)
    speed = 9 * rng.weibull(2.0, n)
    temp = rng.normal(10, 8, n)
    rho = 101325 / (287 * (temp + 273.15))
    d = np.deg2rad(direction)
    wake = 0.45 * np.exp(8 * (np.cos(d - np.deg2rad(240)) - 1)) + 0.35 * np.exp(12 * (np.cos(d - np.deg2rad(75)) - 1))
    eff = np.clip(speed * (1 - wake), 0, None)
    power = rho / 1.225 * np.clip((eff - 3) / 9, 0, 1) ** 2 * (eff < 25)
    power = np.clip(power + rng.normal(0, 0.02, n), 0, None)
    return direction, speed, temp, power


def features(direction, speed, temp):
    direction = torch.as_tensor(direction, dtype=torch.float32)
    speed = torch.as_tensor(speed, dtype=torch.float32)
    temp = torch.as_tensor(temp, dtype=torch.float32)
    s, c = torch.sin(direction), torch.cos(direction)
    return torch.stack([s, c, (speed - 8) / 4, (temp - 10) / 8], dim=1)


class PowerCurve(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
                                    nn.Linear(width, 1))

    def forward(self, x):
        return self.layers(x)[:, 0]


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
opts = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(opts.seed)
rng = np.random.default_rng(opts.seed)

d, v, te, pw = simulate(rng, 8000)
train = TensorDataset(features(d, v, te), torch.as_tensor(pw, dtype=torch.float32))
d, v, te, pw = simulate(rng, 2000)
x_test, y_test = features(d, v, te), torch.as_tensor(pw, dtype=torch.float32)

model = PowerCurve()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(train, batch_size=128, shuffle=True)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optim, max_lr=5e-3, total_steps=opts.epochs * len(loader))
for epoch in range(opts.epochs):
    model.train()
    acc = 0.0
    for xb, yb in loader:
        optim.zero_grad()
        loss = nn.functional.mse_loss(model(xb), yb)
        loss.backward()
        optim.step()
        scheduler.step()
        acc += loss.item()
    print(f"epoch {epoch:2d}  mse {acc / len(loader):.5f}")
model.eval()
with torch.no_grad():
    rmse = (model(x_test) - y_test).pow(2).mean().sqrt().item()
print(f"test RMSE {rmse:.4f}")
