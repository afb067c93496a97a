import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


class Config:
    seed = int(os.environ.get("SEED", "0"))
    n_sku = 40
    n_days = 300
    window = 14
    hidden = 64
    lr = 2e-3
    batch = 128
    epochs = 8


def simulate(cfg):
    rng = np.random.default_rng(cfg.seed)
    days = np.arange(cfg.n_days)
    level = rng.gamma(1.2, 2.5, cfg.n_sku) + 0.3
    week = 1 + 0.5 * np.sin(2 * np.pi * (days % 7) / 7)[None] * rng.uniform(0, 1, (cfg.n_sku, 1))
    promo = (rng.random((cfg.n_sku, cfg.n_days)) < 0.08).astype(float)
    rate = level[:, None] * week * (1 + 2.0 * promo)
    return rng.poisson(rate).astype(np.float32), promo.astype(np.float32)


def windows(sales, promo, cfg, lo, hi):
    X, Y = [], []
    for t in range(lo, hi):
        past = np.log1p(sales[:, t - cfg.window:t])
        dow = np.tile(np.eye(7)[t % 7], (cfg.n_sku, 1))
        X.append(np.concatenate([past, promo[:, t - cfg.window:t], promo[:, t:t + 1], dow], 1))
        Y.append(sales[:, t])
    return torch.tensor(np.concatenate(X), dtype=torch.float32), torch.tensor(np.concatenate(Y))


class DemandNet(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.l1, self.l2, self.out = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, 1)

    def forward(self, x):
        x = F.relu(self.l1(x))
        x = F.relu(self.l2(x))
        return F.softplus(self.out(x)).squeeze(1)   # expected units sold


def deviance(y, mu):
    mu = mu.clamp(min=1e-6)
    return (2 * (torch.xlogy(y, y / mu) - y + mu)).mean().item()


def run(cfg):
    torch.manual_seed(cfg.seed)
    sales, promo = simulate(cfg)
    x, y = windows(sales, promo, cfg, cfg.window, 240)
    xv, yv = windows(sales, promo, cfg, 240, cfg.n_days)
    net = DemandNet(x.shape[1], cfg.hidden)
    criterion = nn.PoissonNLLLoss()
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    for ep in range(cfg.epochs):
        net.train()
        total = 0
        for idx in torch.randperm(len(y)).split(cfg.batch):
            loss = criterion(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        net.eval()
        with torch.no_grad():
            pv = net(xv)
        print(f"epoch {ep}: nll {total / len(y):.4f}  valid mae {(pv - yv).abs().mean():.3f}  "
              f"mean forecast {pv.mean():.2f} / actual {yv.mean():.2f}")
    return deviance(yv, pv)


print(f"score: {run(Config):.4f}")
