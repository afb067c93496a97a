import argparse
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


def net():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(),
        nn.Conv2d(24, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 48, 3, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10))


class Teacher:
    def __init__(self, student, decay):
        self.model = copy.deepcopy(student).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, student):
        for t, s in zip(self.model.parameters(), student.parameters()):
            t.mul_(self.decay).add_(s, alpha=1 - self.decay)

    def __call__(self, x):
        with torch.no_grad():
            return self.model(x)


def jitter(x):
    dx, dy = np.random.randint(-1, 2, 2)
    x = torch.roll(x, (int(dx), int(dy)), (2, 3))
    return x * (0.8 + 0.4 * torch.rand(len(x), 1, 1, 1)) + 0.1 * torch.randn_like(x)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--labels", type=int, default=150)
    a = p.parse_args()
    torch.manual_seed(a.seed)
    np.random.seed(a.seed)
    torch.set_num_threads(1)
    d = load_digits()
    X = torch.tensor(d.images / 16.0, dtype=torch.float32)[:, None]
    X = (X - X.mean()) / X.std()
    y = torch.tensor(d.target)
    perm = torch.randperm(len(X))
    X, y = X[perm], y[perm]
    lab, unl, test = slice(0, a.labels), slice(a.labels, 1300), slice(1300, None)
    student = net()
    teacher = Teacher(student, 0.97)
    opt = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
    steps = 220
    Xl, yl, Xu = X[lab], y[lab], X[unl]
    for step in range(steps):
        i = torch.randint(0, len(Xl), (32,))
        j = torch.randint(0, len(Xu), (64,))
        student.train()
        out = student(jitter(torch.cat([Xl[i], Xu[j]])))
        sup = F.cross_entropy(out[:32], yl[i])
        target = teacher(jitter(Xu[j])).softmax(-1)
        cons = (out[32:].softmax(-1) - target).pow(2).sum(-1).mean()
        ramp = float(np.exp(-5 * (1 - min(1.0, step / 100)) ** 2))
        loss = sup + 4.0 * ramp * cons
        opt.zero_grad()
        loss.backward()
        opt.step()
        teacher.update(student)
        if step % 40 == 39:
            print(f"{step + 1}: sup {sup.item():.3f} cons {cons.item():.4f}")
    pred = teacher(X[test]).argmax(-1)
    print(f"teacher accuracy {(pred == y[test]).float().mean().item():.4f}")


main()
