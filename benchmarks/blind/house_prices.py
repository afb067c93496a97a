import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.preprocessing import StandardScaler

HP = dict(hidden=[128, 64], keep=0.9, lr=1e-3, batch=64, epochs=30)


def houses(n, rng):
    area = rng.lognormal(4.6, 0.35, n)
    rooms = np.clip(np.round(area / 28 + rng.normal(0, 0.7, n)), 1, 9)
    year = rng.integers(1900, 2022, n)
    lat, lon = rng.uniform(0, 1, (2, n))
    centre = np.hypot(lat - 0.5, lon - 0.4)
    floor = rng.integers(0, 12, n)
    condition = rng.integers(1, 6, n)
    garden = (rng.random(n) < 0.3).astype(float)
    logp = (0.8 * np.log(area) + 0.9 * np.exp(-4 * centre) + 0.06 * condition + 0.15 * garden
            + 0.002 * np.abs(year - 1960) + 0.25 * (np.hypot(lat - 0.8, lon - 0.8) < 0.15) + 0.01 * floor)
    logp += rng.normal(0, 0.06, n)
    return np.stack([area, rooms, year, lat, lon, floor, condition, garden], 1), logp


class PriceModel(nn.Module):
    def __init__(self, d, hp):
        super().__init__()
        sizes = [d] + hp["hidden"]
        self.hidden = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
        self.last = nn.Linear(sizes[-1], 1)
        self.keep = hp["keep"]

    def forward(self, x):
        for lin in self.hidden:
            x = F.relu(lin(x))
            x = F.dropout(x, self.keep, training=self.training)
        return self.last(x)


def run(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    x, y = houses(3000, rng)
    xv, yv = houses(1000, rng)
    sc = StandardScaler().fit(x)
    ty = StandardScaler().fit(y[:, None])
    t = lambda a: torch.tensor(a, dtype=torch.float32)
    x, xv, y, yv = t(sc.transform(x)), t(sc.transform(xv)), t(ty.transform(y[:, None])), t(ty.transform(yv[:, None]))
    model = PriceModel(x.shape[1], HP)
    opt = torch.optim.Adam(model.parameters(), lr=HP["lr"])
    for ep in range(HP["epochs"]):
        model.train()
        tot = 0.0
        for idx in torch.randperm(len(x)).split(HP["batch"]):
            loss = F.mse_loss(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            r2 = 1 - F.mse_loss(model(xv), yv) / yv.var()
        if ep % 5 == 4:
            print(f"epoch {ep + 1:2d} train mse {tot / len(x):.4f} valid r2 {r2:.4f}")
    return r2.item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    print("R2 %.4f" % run(ap.parse_args().seed))
