"""Texture classification with a tiny ResNet under mixed precision (autocast + GradScaler)."""
import argparse
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


def texture(kind, rng, n=20):
    yy, xx = np.mgrid[0:n, 0:n] / n
    a = rng.uniform(0, np.pi)
    u = xx * np.cos(a) + yy * np.sin(a)
    v = -xx * np.sin(a) + yy * np.cos(a)
    f = rng.uniform(3, 5)
    ph = rng.uniform(0, 6.28, 2)
    if kind == 0:
        img = np.sin(2 * np.pi * f * u + ph[0])
    elif kind == 1:
        img = np.sin(2 * np.pi * f * u + ph[0]) * np.sin(2 * np.pi * f * v + ph[1])
    elif kind == 2:
        c = rng.uniform(0.3, 0.7, 2)
        img = np.sin(2 * np.pi * f * 1.4 * np.hypot(xx - c[0], yy - c[1]) + ph[0])
    else:
        g = rng.normal(size=(n, n))
        img = g + np.roll(g, 1, 0) + np.roll(g, 1, 1) + np.roll(np.roll(g, 1, 0), 1, 1)
        img = img / 2
    return img * rng.uniform(0.4, 1.0) + 0.25 * rng.normal(size=(n, n))


def make(n, rng):
    y = rng.integers(0, 4, n)
    x = np.stack([texture(k, rng) for k in y]).astype(np.float32)[:, None]
    return torch.from_numpy(x), torch.from_numpy(y)


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(o)
        self.c2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(o)
        self.skip = nn.Conv2d(i, o, 1, stride, bias=False)

    def forward(self, x):
        h = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(h)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.l1, self.l2 = Residual(12, 16, 2), Residual(16, 32, 2)
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        x = self.l2(self.l1(F.relu(self.stem(x))))
        return self.fc(x.mean((2, 3)))


class Engine:
    def __init__(self, model, lr, max_norm, epochs):
        self.model, self.max_norm = model, max_norm
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, epochs)
        self.scaler = torch.amp.GradScaler("cpu")

    def step(self, x, y):
        self.optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(self.model(x), y)
        self.scaler.scale(loss).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()

    def epoch(self, x, y, batch, gen):
        self.model.train()
        order = torch.randperm(len(x), generator=gen)
        losses = [self.step(x[i], y[i]) for i in order.split(batch)]
        self.scheduler.step()
        return sum(losses) / len(losses)

    @torch.no_grad()
    def accuracy(self, x, y):
        self.model.eval()
        return (self.model(x).argmax(1) == y).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=5)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    gen = torch.Generator().manual_seed(a.seed)
    train, test = make(960, rng), make(300, rng)
    eng = Engine(ResNet(), lr=0.05, max_norm=2.0, epochs=a.epochs)
    for e in range(a.epochs):
        print(f"epoch {e} loss {eng.epoch(*train, 32, gen):.4f}")
    print(f"test accuracy: {eng.accuracy(*test):.4f}")


if __name__ == "__main__":
    main()
