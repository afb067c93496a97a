"""Binarised MLP (BinaryConnect style) on digits: sign weights and activations, latent weights clipped to [-1, 1]."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class BinarizeAct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * (x.abs() <= 1).float()


class BinarizeLinear(nn.Linear):
    def __init__(self, i, o):
        super().__init__(i, o, bias=False)
        self.weight.org = self.weight.data.clone()

    def forward(self, x):
        self.weight.data = torch.where(self.weight.org >= 0, 1.0, -1.0)
        return F.linear(x, self.weight)


class BNN(nn.Module):
    def __init__(self, h=128):
        super().__init__()
        self.l1, self.b1 = BinarizeLinear(64, h), nn.BatchNorm1d(h)
        self.l2, self.b2 = BinarizeLinear(h, h), nn.BatchNorm1d(h)
        self.l3, self.b3 = BinarizeLinear(h, 10), nn.BatchNorm1d(10)

    def forward(self, x):
        x = BinarizeAct.apply(self.b1(self.l1(x)))
        x = BinarizeAct.apply(self.b2(self.l2(x)))
        return self.b3(self.l3(x))


def restore_latent(model):
    for p in model.parameters():
        if hasattr(p, "org"):
            p.data.copy_(p.org)


def store_latent(model):
    for p in model.parameters():
        if hasattr(p, "org"):
            p.org.copy_(p.data.clamp_(-1, 1))


def train_epoch(model, opt, X, y, bs):
    model.train()
    total = 0.0
    for i in torch.randperm(len(X)).split(bs):
        if len(i) < 2:
            continue
        loss = F.cross_entropy(model(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        store_latent(model)
        total += loss.item() * len(i)
    return total / len(X)


def accuracy(model, X, y):
    model.eval()
    with torch.no_grad():
        return (model(X).argmax(1) == y).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=40)
    ap.add_argument("--lr", type=float, default=3e-3)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    X, y = load_digits(return_X_y=True)
    X, y = torch.tensor(X, dtype=torch.float32) / 8 - 1, torch.tensor(y)
    perm = torch.randperm(len(X))
    tr, te = perm[:1300], perm[1300:]
    model = BNN()
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    sched = torch.optim.lr_scheduler.StepLR(opt, 15, 0.3)
    for ep in range(args.epochs):
        loss = train_epoch(model, opt, X[tr], y[tr], 64)
        sched.step()
        if ep % 8 == 0:
            print(f"epoch {ep} loss {loss:.4f} acc {accuracy(model, X[te], y[te]):.4f}")
    print(f"test accuracy {accuracy(model, X[te], y[te]):.4f}")


main()
