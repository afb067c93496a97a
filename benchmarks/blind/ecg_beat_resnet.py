"""Heart beat classes from single-lead ECG with a small residual network."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)

BN = dict(momentum=0.0003, eps=1e-3)


def beat(kind, rng, n=96):
    t = np.linspace(-0.4, 0.5, n) + rng.normal(0, 0.01)

    def g(c, w, a):
        return a * np.exp(-((t - c) / w) ** 2)

    pr = rng.normal(0, 0.008)
    if kind == 0:
        s = g(-.17 + pr, .03, .15) + g(-.02, .01, -.12) + g(0, .012, 1) + g(.03, .012, -.25) + g(.25, .06, .3)
    elif kind == 1:
        s = g(-.01, .04, .9) + g(.08, .05, -.5) + g(.28, .08, -.35)
    elif kind == 2:
        s = g(-.10 + pr, .025, .1) + g(0, .012, .95) + g(.03, .012, -.2) + g(.23, .06, .25)
    else:
        s = g(-.17 + pr, .03, .14) + g(0, .014, .8) + g(.045, .015, .45) + g(.09, .02, -.3) + g(.27, .07, -.15)
    gain = rng.uniform(0.5, 1.6)
    return (gain * s + 0.25 * np.sin(2 * np.pi * 0.3 * t + rng.uniform(0, 6)) + rng.normal(0, 0.06, n)).astype(np.float32)


def beats(n, rng):
    y = rng.integers(0, 4, n)
    return torch.tensor(np.stack([beat(k, rng) for k in y]))[:, None] * 1.6, torch.tensor(y)


class Residual(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.c1 = nn.Conv1d(cin, cout, 5, stride, 2, bias=False)
        self.b1 = nn.BatchNorm1d(cout, **BN)
        self.c2 = nn.Conv1d(cout, cout, 5, 1, 2, bias=False)
        self.b2 = nn.BatchNorm1d(cout, **BN)
        self.sc = nn.Conv1d(cin, cout, 1, stride, bias=False)

    def forward(self, x):
        h = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(h)) + self.sc(x))


class EcgNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Residual(1, 12, 2), Residual(12, 24, 2), Residual(24, 24, 2))
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        return self.fc(self.layers(x).mean(-1))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=5)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = beats(1600, rng)
    xt, yt = beats(800, rng)
    net = EcgNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(args.epochs):
        net.train()
        hit = 0
        for idx in torch.randperm(len(x)).split(32):
            out = net(x[idx])
            loss = F.cross_entropy(out, y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            hit += (out.argmax(1) == y[idx]).sum().item()
        net.eval()
        with torch.no_grad():
            acc = (net(xt).argmax(1) == yt).float().mean().item()
        print(f"epoch {epoch + 1}: train {hit / len(x):.3f} test {acc:.3f}")
    print(f"final test accuracy: {acc:.4f}")


if __name__ == "__main__":
    main()
