"""Assignment 2, part B: write forward and backward of every layer as torch.autograd.Function and train on digits."""
import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.set_num_threads(1)


class LinearFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g @ w.t(), x.t() @ g, g.sum(0)


class SigmoidFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = 1.0 / (1.0 + torch.exp(-x))
        ctx.save_for_backward(x)
        return s

    @staticmethod
    def backward(ctx, g):
        s, = ctx.saved_tensors
        return g * s * (1 - s)


class SoftmaxCE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, y):
        z = z - z.max(1, keepdim=True).values
        p = z.exp() / z.exp().sum(1, keepdim=True)
        ctx.save_for_backward(p, y)
        return -torch.log(p[torch.arange(len(y)), y] + 1e-12).mean()

    @staticmethod
    def backward(ctx, g):
        p, y = ctx.saved_tensors
        d = p.clone()
        d[torch.arange(len(y)), y] -= 1
        return g * d / len(y), None


class Net:
    def __init__(self, sizes):
        self.params = []
        for i, o in zip(sizes[:-1], sizes[1:]):
            w = torch.randn(i, o) * (2.0 / (i + o)) ** 0.5 * 2
            self.params.append((w.requires_grad_(), torch.zeros(o, requires_grad=True)))

    def __call__(self, x):
        for k, (w, b) in enumerate(self.params):
            x = LinearFn.apply(x, w, b)
            if k < len(self.params) - 1:
                x = SigmoidFn.apply(x)
        return x

    def parameters(self):
        return [p for pair in self.params for p in pair]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--lr", type=float, default=0.1)
    ap.add_argument("--epochs", type=int, default=150)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, y = load_digits(return_X_y=True)
    x = (x / 16.0).astype(np.float32)
    xtr, xte, ytr, yte = [torch.from_numpy(v) for v in train_test_split(x, y, test_size=0.3, random_state=args.seed)]
    net = Net([64, 48, 48, 10])
    for ep in range(args.epochs):
        losses = []
        for b in torch.randperm(len(xtr)).split(20):
            loss = SoftmaxCE.apply(net(xtr[b]), ytr[b])
            loss.backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= args.lr * p.grad
                    p.grad = None
            losses.append(loss.item())
        if ep % 25 == 24:
            print(f"epoch {ep + 1} loss {np.mean(losses):.4f}")
    with torch.no_grad():
        print(f"test accuracy {(net(xte).argmax(1) == yte).float().mean().item():.4f}")


main()
