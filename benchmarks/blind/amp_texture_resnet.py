"""Texture classification with a small ResNet, mixed precision and a GradScaler."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class TrainConfig:
    epochs: int = 6
    batch_size: int = 40
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    max_norm: float = 1.0
    seed: int = 0


def texture(c, rng, S=20):
    yy, xx = np.mgrid[:S, :S]
    th, ph = rng.normal(0, 0.25), rng.uniform(0, 6.28)
    f = rng.uniform(0.9, 1.2)
    u = xx * np.cos(th) + yy * np.sin(th)
    v = -xx * np.sin(th) + yy * np.cos(th)
    if c == 0:
        z = np.sin(f * u + ph)
    elif c == 1:
        z = np.sin(f * v + ph)
    elif c == 2:
        z = np.sign(np.sin(f * u + ph) * np.sin(f * v))
    elif c == 3:
        z = np.sin(f * np.hypot(xx - rng.uniform(4, S - 4), yy - rng.uniform(4, S - 4)) + ph)
    elif c == 4:
        z = np.sin(f * (u + v) / 1.41 + ph)
    else:
        n = rng.normal(size=(S + 4, S + 4))
        z = sum(n[i:i + S, j:j + S] for i in range(4) for j in range(4)) / 3
    return (z * rng.uniform(0.3, 1.0) + rng.normal(0, 0.5, (S, S)) + rng.normal(0, 0.4)).astype(np.float32)


def make_split(n, rng):
    y = rng.integers(0, 6, n)
    return torch.from_numpy(np.stack([texture(c, rng) for c in y]))[:, None], torch.from_numpy(y)


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.short = nn.Conv2d(i, o, 1, stride, bias=False)

    def forward(self, x):
        h = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(h)) + self.short(x))


class SmallResNet(nn.Module):
    def __init__(self, n_classes=6):
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, 1, 1)
        self.l1, self.l2 = Residual(12, 16, 2), Residual(16, 32, 2)
        self.fc = nn.Linear(32, n_classes)

    def forward(self, x):
        return self.fc(self.l2(self.l1(F.relu(self.stem(x)))).mean((2, 3)))


class NativeScaler:
    """Wraps GradScaler so that the loop needs a single call (timm style)."""

    def __init__(self):
        self._scaler = torch.amp.GradScaler("cpu")

    def __call__(self, loss, optimizer, parameters, clip_grad=None):
        self._scaler.scale(loss).backward()
        if clip_grad is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip_grad)
        self._scaler.step(optimizer)
        self._scaler.update()


def train(cfg):
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    (xt, yt), (xv, yv) = make_split(1600, rng), make_split(500, rng)
    model = SmallResNet()
    opt = torch.optim.SGD(model.parameters(), cfg.lr, cfg.momentum, weight_decay=cfg.weight_decay)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.epochs)
    scaler = NativeScaler()
    for ep in range(cfg.epochs):
        model.train()
        run = 0.0
        for idx in torch.randperm(len(xt)).split(cfg.batch_size):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(xt[idx]), yt[idx])
            opt.zero_grad()
            scaler(loss, opt, model.parameters(), clip_grad=cfg.max_norm)
            run += loss.item() * len(idx)
        sched.step()
        print(f"epoch {ep} loss {run / len(xt):.4f}")
    model.eval()
    with torch.no_grad():
        acc = (model(xv).argmax(1) == yv).float().mean().item()
    print(f"val accuracy {acc:.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    train(TrainConfig(seed=ap.parse_args().seed))
