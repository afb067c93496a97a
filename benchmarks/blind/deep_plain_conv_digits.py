"""A 14-layer plain convnet on digits, after a Flax example (variance_scaling(2.0, 'fan_in') for every kernel)."""
import argparse
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.set_num_threads(1)


def variance_scaling_(w, scale=2.0):
    fan_in = math.prod(w.shape[:-1])
    with torch.no_grad():
        return w.normal_(0.0, math.sqrt(scale / fan_in))


class PlainNet(nn.Module):
    def __init__(self, depth=14, ch=16):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1 if i == 0 else ch, ch, 3, padding=1) for i in range(depth)])
        self.head = nn.Linear(ch * 16, 10)
        for c in self.convs:
            variance_scaling_(c.weight)
            nn.init.zeros_(c.bias)

    def forward(self, x):
        for i, c in enumerate(self.convs):
            x = F.relu(c(x))
            if i == 6:
                x = F.max_pool2d(x, 2)
        return self.head(x.flatten(1))


def load(seed):
    x, y = load_digits(return_X_y=True)
    x = ((x - x.mean()) / x.std()).reshape(-1, 1, 8, 8).astype(np.float32)
    parts = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y)
    return [torch.from_numpy(p) for p in parts]


def evaluate(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


def run(seed, epochs=8, lr=0.01, bs=32):
    torch.manual_seed(seed)
    xtr, xte, ytr, yte = load(seed)
    net = PlainNet()
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    for ep in range(epochs):
        net.train()
        tot = 0.0
        for b in torch.randperm(len(xtr)).split(bs):
            opt.zero_grad()
            loss = F.cross_entropy(net(xtr[b]), ytr[b])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            tot += loss.item() * len(b)
        print(f"epoch {ep} loss {tot / len(xtr):.4f}")
    return evaluate(net, xte, yte)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    print(f"test accuracy {run(ap.parse_args().seed):.4f}")
