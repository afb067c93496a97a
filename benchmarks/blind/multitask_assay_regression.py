"""One trunk, many assays: predict potencies of compounds on eight targets, with a sparse matrix of measurements."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


@dataclass
class Config:
    seed: int = 0
    compounds: int = 2400
    bits: int = 96
    tasks: int = 8
    hidden: int = 96
    epochs: int = 30
    batch: int = 64
    lr: float = 2e-3


def assay_table(cfg, rng):
    scaffold = rng.integers(12, size=cfg.compounds)
    base = rng.random((12, cfg.bits)) * 0.5
    fp = (rng.random((cfg.compounds, cfg.bits)) < base[scaffold]).astype(np.float32)
    shared = rng.normal(0, 1, (cfg.bits, 6)) / np.sqrt(cfg.bits) * 2.5
    latent = np.tanh(fp @ shared - (fp @ shared).mean(0))
    pot = 6.0 + latent @ rng.normal(0, 0.8, (6, cfg.tasks)) + rng.normal(0, 0.15, (cfg.compounds, cfg.tasks))
    tested = rng.random((12, cfg.tasks)) < 0.45
    tested[rng.integers(12, size=cfg.tasks), np.arange(cfg.tasks)] = True
    measured = rng.random(pot.shape) < np.where(tested[scaffold], 0.7, 0.08)
    return fp, pot.astype(np.float32), measured


class MultiTaskNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(cfg.bits, cfg.hidden), nn.LayerNorm(cfg.hidden), nn.ReLU(), nn.Dropout(0.1),
                                   nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(cfg.hidden, 1) for _ in range(cfg.tasks))

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([head(h) for head in self.heads], dim=1)


class Scaler:
    def fit(self, y):
        self.mu, self.sd = np.nanmean(y, 0), np.nanstd(y, 0)
        return self

    def __call__(self, y):
        return (y - self.mu) / self.sd

    def undo(self, z):
        return z * self.sd + self.mu


def masked_mse(pred, target):
    target = torch.nan_to_num(target)
    return ((pred - target) ** 2).mean()


def fit(cfg, x, z):
    net = MultiTaskNet(cfg)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(z)), cfg.batch, shuffle=True)
    opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=1e-2)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, cfg.lr, total_steps=cfg.epochs * len(loader))
    for epoch in range(cfg.epochs):
        net.train()
        total = 0.0
        for xb, zb in loader:
            loss = masked_mse(net(xb), zb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            total += loss.item()
        if epoch % 6 == 0:
            print(f"epoch {epoch} train {total / len(loader):.4f}")
    return net


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    cfg = Config(seed=ap.parse_args().seed)
    rng = np.random.default_rng(cfg.seed)
    torch.manual_seed(cfg.seed)
    fp, pot, measured = assay_table(cfg, rng)
    n = int(0.75 * cfg.compounds)
    y = np.where(measured, pot, np.nan).astype(np.float32)
    scaler = Scaler().fit(y[:n])
    net = fit(cfg, fp[:n], scaler(y[:n]).astype(np.float32))
    net.eval()
    with torch.no_grad():
        pred = scaler.undo(net(torch.from_numpy(fp[n:])).numpy())
    r2 = 1 - ((pred - pot[n:]) ** 2).sum(0) / ((pot[n:] - pot[n:].mean(0)) ** 2).sum(0)
    print(f"mean test R2 over assays {r2.mean():.3f}")


if __name__ == "__main__":
    main()
