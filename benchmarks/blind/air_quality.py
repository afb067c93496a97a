"""Predict the benzene concentration from the sensors of a street station (hourly log)."""
import argparse
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import StandardScaler

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
cfg = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(cfg.seed)
rng = np.random.default_rng(cfg.seed)

MISSING = -99999.0
COLUMNS = ["co", "nmhc", "nox", "no2", "o3", "temp", "rh", "ah"]


def read_log(hours=6000):
    t = np.arange(hours)
    traffic = 1.2 + np.sin(2 * np.pi * (t % 24 - 7) / 24) + 0.5 * np.sin(4 * np.pi * (t % 24) / 24)
    traffic = traffic * np.where((t // 24) % 7 < 5, 1.0, 0.6) + 0.5 * rng.gamma(2.0, 0.5, hours)
    temp = 15 + 8 * np.sin(2 * np.pi * t / (24 * 365)) + 5 * np.sin(2 * np.pi * (t % 24 - 9) / 24) + rng.normal(0, 1.5, hours)
    wind = np.abs(rng.normal(1.0, 0.4, hours)) + 0.5
    load = traffic / wind
    co = 900 + 180 * load + rng.normal(0, 30, hours)
    nmhc = 700 + 150 * load + 4 * temp + rng.normal(0, 30, hours)
    nox = 1000 - 130 * np.log1p(load) + rng.normal(0, 25, hours)
    no2 = 1400 + 110 * np.sqrt(load) - 3 * temp + rng.normal(0, 30, hours)
    o3 = 900 + 10 * temp - 90 * load + rng.normal(0, 40, hours)
    rh = np.clip(60 - 1.2 * (temp - 15) + rng.normal(0, 6, hours), 5, 98)
    ah = 0.02 * rh * np.exp(0.06 * temp) + rng.normal(0, 0.02, hours)
    benzene = 2.0 + 4.0 * load ** 1.2 + 0.08 * temp + rng.normal(0, 0.4, hours)
    table = np.stack([co, nmhc, nox, no2, o3, temp, rh, ah], 1)
    gaps = rng.random(table.shape) < 0.04
    table[gaps] = MISSING
    return table.astype(np.float32), benzene.astype(np.float32)


def prepare(table, train_rows):
    known = table.copy()
    scaler = StandardScaler().fit(known[train_rows])
    x = scaler.transform(known)
    return x.astype(np.float32)


table, benzene = read_log()
order = rng.permutation(len(table))
train_rows, test_rows = order[:4800], order[4800:]
x = torch.from_numpy(prepare(table, train_rows))
mu, sd = benzene[train_rows].mean(), benzene[train_rows].std()
y = torch.from_numpy((benzene - mu) / sd)[:, None]

net = nn.Sequential(
    nn.Linear(len(COLUMNS), 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 1),
)
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
criterion = nn.MSELoss()
xt, yt = x[train_rows], y[train_rows]
xv, yv = x[test_rows], y[test_rows]

for epoch in range(40):
    perm = torch.randperm(len(xt))
    net.train()
    for i in range(0, len(xt), 64):
        b = perm[i:i + 64]
        loss = criterion(net(xt[b]), yt[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        net.eval()
        with torch.no_grad():
            print(f"epoch {epoch + 1:3d}  train {criterion(net(xt), yt):.4f}  test {criterion(net(xv), yv):.4f}")

net.eval()
with torch.no_grad():
    r2 = 1 - ((net(xv) - yv) ** 2).sum() / ((yv - yv.mean()) ** 2).sum()
print(f"R2 on held-out hours: {r2.item():.4f}")
