"""Multi-store demand forecasting: shared encoder, one output head per store."""
import argparse
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn


@dataclass
class Cfg:
    stores: int = 8
    days: int = 900
    window: int = 14
    hidden: int = 48
    lr: float = 3e-3
    batch: int = 64
    epochs: int = 18
    seed: int = 0


def simulate(cfg):
    g = np.random.default_rng(cfg.seed)
    t = np.arange(cfg.days)
    week = 2 * np.pi * t / 7
    promo = (g.random(cfg.days) < 0.15).astype(float)
    temp = 12 + 10 * np.sin(2 * np.pi * t / 365 - 1.5) + 2 * g.normal(size=cfg.days)
    holiday = (g.random(cfg.days) < 0.05).astype(float)
    driver = np.zeros(cfg.days)
    for i in range(1, cfg.days):
        driver[i] = 0.85 * driver[i - 1] + g.normal(0, 0.5)
    sales = np.zeros((cfg.days, cfg.stores))
    for s in range(cfg.stores):
        w = g.normal(0, 1, 6)
        sales[:, s] = (100 + 18 * w[0] * np.sin(week) + 12 * w[1] * np.cos(week) + 20 * w[2] * promo
                       + 1.2 * w[3] * (temp - 12) + 8 * w[4] * driver - 15 * abs(w[5]) * holiday + 4 * g.normal(size=cfg.days))
    feats = np.column_stack([np.sin(week), np.cos(week), promo, (temp - 12) / 10, holiday, driver])
    return feats.astype(np.float32), sales.astype(np.float32)


def windows(feats, sales, w):
    x = np.stack([feats[i - w + 1:i + 1] for i in range(w, len(feats))])
    return torch.from_numpy(x), torch.from_numpy(sales[w:])


class DemandNet(nn.Module):
    def __init__(self, features, cfg):
        super().__init__()
        self.encoder = nn.GRU(features, cfg.hidden, batch_first=True)
        self.trunk = nn.Sequential(nn.Linear(cfg.hidden, cfg.hidden), nn.GELU())
        self.heads = nn.ModuleList([nn.Sequential(nn.Linear(cfg.hidden, 16), nn.GELU(), nn.Linear(16, 1))] * cfg.stores)

    def forward(self, x):
        _, h = self.encoder(x)
        z = self.trunk(h[-1])
        return torch.cat([head(z) for head in self.heads], 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=18)
    a = ap.parse_args()
    cfg = Cfg(seed=a.seed, epochs=a.epochs)
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    x, y = windows(*simulate(cfg), cfg.window)
    cut = int(0.8 * len(x))
    mu, sd = y[:cut].mean(0), y[:cut].std(0)
    y = (y - mu) / sd
    net = DemandNet(x.shape[-1], cfg)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=3, factor=0.5)
    huber = nn.HuberLoss()
    for epoch in range(cfg.epochs):
        net.train()
        tot = 0.0
        for i in torch.randperm(cut).split(cfg.batch):
            loss = huber(net(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            tot += loss.item() * len(i)
        plateau.step(tot / cut)
        if epoch % 3 == 0:
            print(f"epoch {epoch} huber {tot / cut:.4f}")
    net.eval()
    with torch.no_grad():
        resid = ((net(x[cut:]) - y[cut:]) ** 2).mean(0)
        base = (y[cut:] ** 2).mean(0)
    print(f"relative squared error: {(resid / base).mean().item():.4f}")


if __name__ == "__main__":
    main()
