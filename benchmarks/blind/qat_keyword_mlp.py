"""Quantisation-aware training: 2-bit weights, 4-bit activations, for a small keyword classifier."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def keyword_features(n, rng, proto):
    y = rng.integers(len(proto), size=n)
    warp = rng.normal(0, 1.0, (n, 1, proto.shape[2]))
    gain = rng.uniform(0.6, 1.4, (n, 1, 1))
    x = proto[y] * gain + 0.5 * warp + rng.normal(0, 0.7, (n,) + proto.shape[1:])
    return torch.tensor(x.reshape(n, -1), dtype=torch.float32), torch.from_numpy(y)


def round_ste(x):
    return x + (torch.round(x) - x)


class WeightQuant(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.qmax = 2 ** (bits - 1) - 1

    def forward(self, w):
        scale = w.detach().abs().mean(1, keepdim=True) * 1.4 / self.qmax + 1e-8
        return round_ste((w / scale).clamp(-self.qmax, self.qmax)) * scale


class ActQuant(nn.Module):
    def __init__(self, bits, momentum=0.95):
        super().__init__()
        self.levels = 2 ** bits - 1
        self.momentum = momentum
        self.register_buffer("top", torch.tensor(1.0))

    def forward(self, x):
        if self.training:
            self.top.mul_(self.momentum).add_((1 - self.momentum) * x.detach().max())
        step = self.top / self.levels
        return round_ste((x / step).clamp(0, self.levels)) * step


class QLinear(nn.Linear):
    def __init__(self, i, o, bits=2):
        super().__init__(i, o)
        self.quant = WeightQuant(bits)

    def forward(self, x):
        return F.linear(x, self.quant(self.weight), self.bias)


class KeywordNet(nn.Module):
    def __init__(self, i, hidden, classes):
        super().__init__()
        self.l1, self.n1, self.a1 = QLinear(i, hidden), nn.BatchNorm1d(hidden), ActQuant(4)
        self.l2, self.n2, self.a2 = QLinear(hidden, hidden), nn.BatchNorm1d(hidden), ActQuant(4)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        x = self.a1(F.relu(self.n1(self.l1(x))))
        x = self.a2(F.relu(self.n2(self.l2(x))))
        return self.head(x)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=15)
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    torch.manual_seed(a.seed)
    proto = np.cumsum(rng.normal(0, 0.22, (20, 12, 10)), axis=1)
    x, y = keyword_features(4000, rng, proto)
    xt, yt = keyword_features(1000, rng, proto)
    mu, sd = x.mean(0), x.std(0)
    x, xt = (x - mu) / sd, (xt - mu) / sd
    net = KeywordNet(x.size(1), 48, 20)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.epochs)
    for epoch in range(a.epochs):
        net.train()
        tot = 0.0
        for idx in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        sched.step()
        print(f"epoch {epoch} loss {tot / len(x):.3f}")
    net.eval()
    with torch.no_grad():
        print(f"test accuracy {(net(xt).argmax(1) == yt).float().mean():.3f}")


main()
