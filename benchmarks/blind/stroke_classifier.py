import argparse
import math
import numpy as np
import torch
from torch import nn, optim

ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--accum", type=int, default=4)
ap.add_argument("--lr", type=float, default=0.05)
opt = ap.parse_args()
torch.manual_seed(opt.seed)
np.random.seed(opt.seed)
torch.set_num_threads(1)


def stroke(kind):
    """pen trajectories (dx, dy): circle, zigzag, line, spiral, eight"""
    n = 32
    s = np.linspace(0, 1, n + 1)
    if kind == 0:
        p = np.stack([np.cos(2 * np.pi * s), np.sin(2 * np.pi * s)], 1)
    elif kind == 1:
        p = np.stack([s * 2 - 1, 0.5 * np.abs((s * 6) % 2 - 1)], 1)
    elif kind == 2:
        p = np.stack([s * 2 - 1, 0.2 * s ** 2], 1)
    elif kind == 3:
        p = np.stack([s * np.cos(5 * np.pi * s), s * np.sin(5 * np.pi * s)], 1)
    else:
        p = np.stack([np.sin(2 * np.pi * s), np.sin(4 * np.pi * s) / 2], 1)
    a = np.random.uniform(-0.6, 0.6)
    rot = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    p = (p * np.random.uniform(0.7, 1.3)) @ rot + np.random.normal(0, 0.05, p.shape)
    return np.diff(p, axis=0)


def build(n):
    y = np.random.randint(0, 5, n)
    x = np.stack([stroke(k) for k in y])
    return torch.tensor(x / 0.2, dtype=torch.float32), torch.tensor(y)


x_train, y_train = build(2400)
x_test, y_test = build(800)

model = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 5))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=opt.lr, momentum=0.9)


def run_epoch(batch=16):
    order = torch.randperm(len(x_train))
    running = 0.0
    optimizer.zero_grad()
    for step, idx in enumerate(order.split(batch)):
        loss = criterion(model(x_train[idx]), y_train[idx])
        (loss / opt.accum).backward()
        if (step + 1) % opt.accum == 0:
            optimizer.step()
        running += loss.item()
    return running / (step + 1)


for epoch in range(40):
    loss = run_epoch()
    with torch.no_grad():
        acc = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch + 1} loss {loss:.4f} acc {acc:.4f}")
print(f"final accuracy {acc:.4f}")
