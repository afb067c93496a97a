"""Lab value at the time of a documented event: attention pooling over an irregular patient record."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)


@dataclass
class Setup:
    seed: int = 0
    n_train: int = 2500
    n_test: int = 800
    steps: int = 40
    epochs: int = 15
    batch: int = 50
    lr: float = 3e-3


def records(n, steps, rng):
    """channels: glucose, potassium, heart rate, event flag strength, ward code; target: glucose around the event"""
    t = np.arange(steps)
    x = np.zeros((n, steps, 5), dtype=np.float32)
    y = np.zeros(n, dtype=np.float32)
    for i in range(n):
        glucose = np.cumsum(rng.normal(0, 0.7, steps)) * 0.6 + rng.normal(0, 0.5)
        x[i, :, 0] = glucose + rng.normal(0, 0.1, steps)
        x[i, :, 1] = rng.normal(0, 1, steps)
        x[i, :, 2] = np.sin(t / rng.uniform(2, 6)) + rng.normal(0, 0.3, steps)
        x[i, :, 3] = rng.normal(0, 0.3, steps)
        where = rng.integers(2, steps - 2)
        x[i, where - 1:where + 2, 3] += [1.0, 3.0, 1.0]
        x[i, :, 4] = rng.integers(0, 2)
        y[i] = glucose[where - 1:where + 2].mean() + 0.3 * x[i, 0, 4]
    return torch.from_numpy(x), torch.from_numpy(y)


class AttentionPool(nn.Module):
    def __init__(self, d, hidden=24):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(d, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, h):
        weights = self.softmax(self.score(h))
        return (weights * h).sum(1)


class RecordNet(nn.Module):
    def __init__(self, n_in=5, d=32):
        super().__init__()
        self.step = nn.Linear(n_in, d)
        self.pool = AttentionPool(d)
        self.head = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, x):
        return self.head(self.pool(self.step(x))).squeeze(-1)


def main(cfg):
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    x, y = records(cfg.n_train, cfg.steps, rng)
    xt, yt = records(cfg.n_test, cfg.steps, rng)
    m, s = y.mean(), y.std()
    y, yt = (y - m) / s, (yt - m) / s
    net = RecordNet()
    opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=1e-3)
    for epoch in range(cfg.epochs):
        net.train()
        meter = []
        for idx in torch.randperm(len(x)).split(cfg.batch):
            loss = nn.functional.smooth_l1_loss(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            meter.append(loss.item())
        print(f"epoch {epoch + 1:2d} loss {np.mean(meter):.4f}")
    net.eval()
    with torch.no_grad():
        r2 = 1 - ((net(xt) - yt) ** 2).mean() / yt.var()
    print(f"test R2: {r2.item():.4f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    main(Setup(seed=p.parse_args().seed))
