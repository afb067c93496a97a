"""Delivery time bands: P10 / P50 / P90 of minutes to the door."""
import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn, Tensor

torch.set_num_threads(1)


@dataclass
class Settings:
    seed: int = int(os.environ.get("SEED", "0"))
    quantiles: tuple = (0.1, 0.5, 0.9)
    n: int = 5000
    epochs: int = 15
    lr: float = 2e-3
    batch: int = 100


def orders(cfg):
    rng = np.random.default_rng(cfg.seed)
    km = rng.gamma(2.0, 1.5, cfg.n)
    hour = rng.uniform(10, 23, cfg.n)
    queue = rng.poisson(3, cfg.n)
    rain = rng.random(cfg.n) < 0.2
    rush = np.exp(-((hour - 19) / 1.5) ** 2)
    mean = 8 + 3.2 * km + 2.0 * queue + 6 * rush + 4 * rain
    minutes = mean + rng.gamma(2.0, 1.0 + 1.5 * rush + 0.4 * queue, cfg.n)
    feats = np.stack([km, np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), queue, rain], 1)
    return feats.astype(np.float32), minutes.astype(np.float32)


def pinball(pred: Tensor, target: Tensor, q: Tensor) -> Tensor:
    err = pred - target.unsqueeze(1)
    return torch.maximum(q * err, (q - 1) * err).mean()


class BandNet(nn.Module):
    def __init__(self, d: int, k: int):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(d, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.head = nn.Linear(48, k)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))


def main(cfg: Settings) -> float:
    torch.manual_seed(cfg.seed)
    x, y = orders(cfg)
    k = int(cfg.n * 0.8)
    mx, sx, my, sy = x[:k].mean(0), x[:k].std(0), y[:k].mean(), y[:k].std()
    x = torch.from_numpy((x - mx) / sx)
    y = torch.from_numpy((y - my) / sy)
    q = torch.tensor(cfg.quantiles)
    net = BandNet(x.shape[1], len(q))
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        net.train()
        tot = 0.0
        for idx in torch.randperm(k).split(cfg.batch):
            loss = pinball(net(x[idx]), y[idx], q)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1} loss {tot / k:.4f}")
    net.eval()
    with torch.no_grad():
        band = net(x[k:])
    truth = y[k:]
    below = (truth.unsqueeze(1) <= band).float().mean(0)
    print("share below P10/P50/P90:", [round(v, 3) for v in below.tolist()])
    diff = truth.unsqueeze(1) - band
    return float(torch.where(diff >= 0, q * diff, (q - 1) * diff).mean() * sy)


if __name__ == "__main__":
    print(f"score: {main(Settings()):.4f}")
