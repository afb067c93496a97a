"""Distilling an ensemble-sized digit model into a small one from cached teacher logits."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


def mlp(*sizes):
    layers = []
    for i, o in zip(sizes[:-2], sizes[1:-1]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))


def fit_teacher(net, loader, epochs=12):
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(epochs):
        for _, x, y in loader:
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
    return net.eval()


@torch.no_grad()
def cache_logits(teacher, loader):
    teacher.eval()
    return torch.cat([teacher(x) for _, x, _ in loader])


def distill(student, loader, cached, temperature=3.0, alpha=0.9, epochs=10):
    opt = torch.optim.Adam(student.parameters(), lr=2e-3)
    for epoch in range(epochs):
        tot = 0.0
        for idx, x, y in loader:
            out = student(x)
            soft = F.kl_div(F.log_softmax(out / temperature, 1), F.softmax(cached[idx] / temperature, 1),
                            reduction="batchmean") * temperature ** 2
            loss = alpha * soft + (1 - alpha) * F.cross_entropy(out, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        print(f"student epoch {epoch} loss {tot / len(loader):.4f}")
    return student.eval()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    d = load_digits()
    xtr, xte, ytr, yte = train_test_split(d.data / 16.0, d.target, test_size=0.3, random_state=args.seed, stratify=d.target)
    x, y = torch.tensor(xtr, dtype=torch.float32), torch.tensor(ytr)
    vx, vy = torch.tensor(xte, dtype=torch.float32), torch.tensor(yte)
    train_set = TensorDataset(torch.arange(len(x)), x, y)
    train_loader = DataLoader(train_set, 32, shuffle=True)
    teacher = fit_teacher(mlp(64, 256, 256, 10), train_loader)
    acc = lambda m: (m(vx).argmax(1) == vy).float().mean().item()
    print(f"teacher accuracy {acc(teacher):.4f}")
    cached = cache_logits(teacher, train_loader)
    student = distill(mlp(64, 24, 10), train_loader, cached)
    print(f"student test accuracy {acc(student):.4f}")


if __name__ == "__main__":
    main()
