"""Lab: 'write your own DataLoader'. Quality class of simulated wines from lab measurements."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def wines(rng, n):
    alcohol = rng.normal(10.5, 1.1, n)
    acidity = rng.normal(6.9, 1.0, n)
    sugar = rng.gamma(2, 2.5, n)
    so2 = rng.gamma(4, 8, n)
    ph = 3.3 - 0.08 * (acidity - 6.9) + rng.normal(0, 0.1, n)
    sulph = rng.normal(0.55, 0.12, n)
    chlor = rng.gamma(3, 0.018, n)
    density = 0.996 - 0.0011 * (alcohol - 10.5) + 0.0003 * (sugar - 5) + rng.normal(0, 0.0006, n)
    q = (0.8 * (alcohol - 10.5) - 0.5 * np.abs(acidity - 6.9) - 12 * (chlor - 0.054) + 2.5 * (sulph - 0.55)
         - 0.02 * np.clip(so2 - 40, 0, None) + 0.6 * np.sin(sugar / 2) + rng.normal(0, 0.25, n))
    label = np.digitize(q, [-0.9, 0.0, 0.9])
    return np.column_stack([alcohol, acidity, sugar, so2, ph, sulph, chlor, density]), label


class DataLoader:
    """Minimal loader: iterates over (features, labels) in random mini-batches."""

    def __init__(self, features, labels, batch_size=64, shuffle=True, seed=0):
        self.features, self.labels = features, labels
        self.batch_size, self.shuffle = batch_size, shuffle
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return (len(self.labels) + self.batch_size - 1) // self.batch_size

    def __iter__(self):
        features, labels = self.features, self.labels
        if self.shuffle:
            features = self.rng.permutation(features)
            labels = self.rng.permutation(labels)
        for i in range(len(self)):
            s = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield torch.from_numpy(features[s]).float(), torch.from_numpy(labels[s])


def run_epoch(net, loader, opt=None):
    net.train(opt is not None)
    tot = ok = n = 0
    for x, y in loader:
        with torch.set_grad_enabled(opt is not None):
            z = net(x)
            loss = F.cross_entropy(z, y)
        if opt is not None:
            opt.zero_grad()
            loss.backward()
            opt.step()
        tot += loss.item() * len(y)
        ok += (z.argmax(1) == y).sum().item()
        n += len(y)
    return tot / n, ok / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=34)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = wines(rng, 5000)
    xv, yv = wines(rng, 1500)
    mean, std = x.mean(0), x.std(0)
    train = DataLoader((x - mean) / std, y, seed=args.seed)
    valid = DataLoader((xv - mean) / std, yv, batch_size=500, shuffle=False)
    net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for ep in range(args.epochs):
        loss, acc = run_epoch(net, train, opt)
        vloss, vacc = run_epoch(net, valid)
        if ep % 5 == 4:
            print(f"epoch {ep + 1} train {loss:.3f}/{acc:.3f} valid {vloss:.3f}/{vacc:.3f}")
    print(f"validation accuracy {vacc:.4f}")


if __name__ == "__main__":
    main()
