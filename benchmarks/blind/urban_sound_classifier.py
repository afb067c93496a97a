"""Classify synthetic environmental sounds from log-spectrograms with a small CNN."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader, WeightedRandomSampler

CLASSES = ["siren", "drill", "dog_bark", "engine"]
SR, N_FFT, HOP = 4000, 128, 64


def synth(cls, rng):
    t = np.arange(SR // 2) / SR
    if cls == 0:
        f = 600 + 300 * np.sin(2 * np.pi * rng.uniform(2, 4) * t + rng.uniform(0, 6))
        y = np.sin(2 * np.pi * np.cumsum(f) / SR)
    elif cls == 1:
        y = rng.normal(size=t.size) * (0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(18, 30) * t)))
    elif cls == 2:
        y = np.zeros_like(t)
        for _ in range(rng.integers(1, 4)):
            c = rng.uniform(0.05, 0.45)
            env = np.exp(-((t - c) / 0.03) ** 2)
            y += env * np.sin(2 * np.pi * rng.uniform(400, 900) * t) + 0.3 * env * rng.normal(size=t.size)
    else:
        f0 = rng.uniform(60, 120)
        y = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) / k for k in range(1, 7))
    y = y / (np.abs(y).max() + 1e-6) * rng.uniform(0.3, 1.0)
    return y + 0.15 * rng.normal(size=t.size)


def logspec(y):
    y = torch.tensor(y, dtype=torch.float32)
    s = torch.stft(y, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True).abs()
    return torch.log1p(s)[None]


class Sounds(Dataset):
    def __init__(self, counts, rng):
        self.items, self.labels = [], []
        for c, n in enumerate(counts):
            for _ in range(n):
                self.items.append(logspec(synth(c, rng)))
                self.labels.append(c)
        order = rng.permutation(len(self.labels))
        self.items = [self.items[i] for i in order]
        self.labels = [self.labels[i] for i in order]
        mean = torch.stack(self.items).mean()
        std = torch.stack(self.items).std()
        self.items = [(x - mean) / std for x in self.items]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.items[i], self.labels[i]


class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.features = nn.Sequential(block(1, 8), block(8, 16), block(16, 24))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten(), nn.Linear(96, n))

    def forward(self, x):
        return self.head(self.features(x))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=5)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    train = Sounds([400, 240, 100, 60], rng)
    test = Sounds([60, 60, 60, 60], rng)

    labels = torch.tensor(train.labels)
    class_count = torch.bincount(labels)
    class_weight = 1.0 / class_count.float()
    sampler = WeightedRandomSampler(class_weight, num_samples=len(train), replacement=True)
    loader = DataLoader(train, batch_size=32, sampler=sampler)
    test_loader = DataLoader(test, batch_size=64)

    model = Net(len(CLASSES))
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    crit = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        model.train()
        tot, n = 0.0, 0
        for x, y in loader:
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            opt.step()
            tot += loss.item() * len(y)
            n += len(y)
        print(f"epoch {epoch} loss {tot / n:.4f}")

    model.eval()
    hit = 0
    with torch.no_grad():
        for x, y in test_loader:
            hit += (model(x).argmax(1) == y).sum().item()
    print(f"test accuracy: {hit / len(test):.4f}")


if __name__ == "__main__":
    main()
