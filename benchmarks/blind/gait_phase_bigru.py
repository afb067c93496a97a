"""Gait type from a 3-axis foot sensor with a bidirectional GRU."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)

GAITS = ["walk", "limp", "stairs_up", "stairs_down", "shuffle"]


def stride(kind, length, rng):
    t = np.arange(length) / 25.0
    f = [1.0, 0.9, 0.85, 1.05, 1.2][kind] * rng.uniform(0.85, 1.15)
    ph = rng.uniform(0, 2 * np.pi)
    w = 2 * np.pi * f * t + ph
    amp = [1, 1, 1.1, 1.2, 0.6][kind] * rng.uniform(0.8, 1.25)
    x = amp * np.sin(w) + [0, .35, .1, .1, 0][kind] * np.sin(w / 2 + rng.uniform(0, 6))
    y = 0.7 * amp * np.cos(w + [0, .2, .9, -.9, 0][kind])
    z = [.5, .3, .6, .9, .15][kind] * np.maximum(np.sin(w * 2), 0) ** 2
    s = np.stack([x, y, z], 1) + rng.normal(0, 0.3, (length, 3))
    return s.astype(np.float32)


def recordings(n, rng, length=40):
    y = rng.integers(0, len(GAITS), n)
    return torch.tensor(np.stack([stride(k, length, rng) for k in y])), torch.tensor(y)


class GaitNet(nn.Module):
    def __init__(self, n_in=3, hidden=32, n_out=len(GAITS)):
        super().__init__()
        self.rnn = nn.GRU(n_in, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * hidden, 32), nn.ReLU(), nn.Linear(32, n_out))

    def forward(self, x):
        batch = x.size(0)
        _, h = self.rnn(x)
        h = h.contiguous().view(batch, -1)
        return self.head(h)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=8)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    xtr, ytr = recordings(2000, rng)
    xte, yte = recordings(640, rng)
    net = GaitNet()
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)
    crit = nn.CrossEntropyLoss()
    for ep in range(args.epochs):
        net.train()
        losses = []
        for b in torch.randperm(len(xtr)).view(-1, 40):
            opt.zero_grad()
            loss = crit(net(xtr[b]), ytr[b])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            opt.step()
            losses.append(loss.item())
        print(f"epoch {ep + 1} loss {sum(losses) / len(losses):.4f}")
    net.eval()
    hits = 0
    with torch.no_grad():
        for b in torch.arange(len(xte)).view(-1, 40):
            hits += (net(xte[b]).argmax(1) == yte[b]).sum().item()
    print(f"test accuracy: {hits / len(xte):.4f}")


if __name__ == "__main__":
    main()
