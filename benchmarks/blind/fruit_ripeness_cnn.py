"""Fruit ripeness grading (unripe / ripe / overripe / bruised), PyTorch version of our Keras demo.

"""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
SIZE = 20


def render(rng, label):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    bg = rng.uniform(0.2, 0.8, 3)
    img = np.ones((SIZE, SIZE, 3)) * bg
    cx, cy = rng.uniform(7, 13, 2)
    r = rng.uniform(5, 7)
    body = ((xx - cx) ** 2 + (yy - cy) ** 2) < r * r
    base = {0: (0.35, 0.65, 0.25), 1: (0.75, 0.30, 0.22), 2: (0.50, 0.30, 0.20), 3: (0.75, 0.30, 0.22)}[label]
    img[body] = np.array(base) * rng.uniform(0.6, 1.2)
    shade = 1 - 0.3 * np.hypot(xx - cx + 2, yy - cy + 2) / (2 * r)
    img *= shade[..., None]
    if label == 3:
        a = rng.uniform(0, 2 * np.pi)
        sx, sy = cx + 0.5 * r * np.cos(a), cy + 0.5 * r * np.sin(a)
        spot = ((xx - sx) ** 2 + (yy - sy) ** 2) < rng.uniform(1.5, 2.3) ** 2
        img[spot] *= 0.5
    img += rng.normal(0, 0.06, img.shape)
    return np.clip(img, 0, 1)


def make_split(rng, n):
    y = rng.integers(0, 4, n)
    x = np.stack([render(rng, int(c)) for c in y]).astype("float32")
    return x, y.astype("int64")


class RipenessNet(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.c1 = nn.Conv2d(3, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.c3 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc = nn.Linear(32, n_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.relu(self.c3(x))
        return self.fc(x.amax((2, 3)))


def to_tensor(x):
    x = torch.from_numpy(x)
    n, h, w, c = x.shape
    x = x.reshape(n, c, h, w)
    return (x - 0.5) / 0.25


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=12)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    xtr, ytr = make_split(rng, 1600)
    xte, yte = make_split(rng, 600)
    loader = DataLoader(TensorDataset(to_tensor(xtr), torch.from_numpy(ytr)), batch_size=32, shuffle=True)
    net = RipenessNet()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(args.epochs):
        net.train()
        total = 0.0
        for xb, yb in loader:
            opt.zero_grad()
            loss = F.cross_entropy(net(xb), yb)
            loss.backward()
            opt.step()
            total += loss.item() * len(xb)
        print(f"epoch {epoch + 1:2d} loss {total / len(xtr):.4f}")
    net.eval()
    with torch.no_grad():
        acc = (net(to_tensor(xte)).argmax(1).numpy() == yte).mean()
    print(f"test accuracy: {acc:.4f}")


if __name__ == "__main__":
    main()
