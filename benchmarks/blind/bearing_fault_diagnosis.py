import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)

CLASSES = ["healthy", "inner_race", "outer_race", "ball"]


@dataclass
class Config:
    seed: int = 0
    n_train: int = 1600
    n_test: int = 600
    length: int = 256
    batch: int = 32
    epochs: int = 10
    lr: float = 1e-3


def make_recordings(n, length, rng):
    """Accelerometer windows in g, with the mounting offset of each rig left in."""
    t = np.arange(length) / 2560.0
    rates = {1: 162.0, 2: 107.0, 3: 71.0}
    X = np.zeros((n, 1, length), dtype=np.float32)
    y = rng.integers(0, 4, n)
    for i in range(n):
        rpm = rng.uniform(27, 31)
        sig = 0.25 * np.sin(2 * np.pi * rpm * t + rng.uniform(0, 6.28))
        sig += 0.1 * np.sin(2 * np.pi * 2 * rpm * t + rng.uniform(0, 6.28))
        if y[i]:
            rate = rates[int(y[i])] * rpm / 29.0
            phase = (t * rate + rng.random()) % 1.0
            ring = np.exp(-phase * 6) * np.sin(2 * np.pi * 900 * phase / rate)
            sig += rng.uniform(0.35, 0.7) * ring
        sig += rng.normal(0, 0.14, length)
        X[i, 0] = 0.6 + sig
    return X, y


class VibrationSet(Dataset):
    def __init__(self, X, y, mean, std):
        self.X = torch.from_numpy(X)
        self.y = torch.from_numpy(y)
        self.mean = float(mean)
        self.std = float(std)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, idx):
        window = self.X[idx]
        window -= self.mean
        window /= self.std
        return window, self.y[idx]


class Conv1dNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 15, stride=2, padding=7), nn.ReLU(),
            nn.Conv1d(16, 32, 9, stride=2, padding=4), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(),
        )
        self.classifier = nn.Linear(64, n_classes)

    def forward(self, x):
        h = self.features(x)
        h = torch.cat([h.mean(-1), h.amax(-1)], 1)
        return self.classifier(h)


def accuracy(model, loader):
    model.eval()
    hit = tot = 0
    with torch.no_grad():
        for x, y in loader:
            hit += (model(x).argmax(1) == y).sum().item()
            tot += len(y)
    return hit / tot


def run(cfg):
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    Xtr, ytr = make_recordings(cfg.n_train, cfg.length, rng)
    Xte, yte = make_recordings(cfg.n_test, cfg.length, rng)
    mean, std = Xtr.mean(), Xtr.std()
    train_loader = DataLoader(VibrationSet(Xtr, ytr, mean, std), cfg.batch, shuffle=True)
    test_loader = DataLoader(VibrationSet(Xte, yte, mean, std), 200)

    model = Conv1dNet(len(CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(cfg.epochs):
        model.train()
        for x, y in train_loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"[{epoch + 1}/{cfg.epochs}] last batch loss {loss.item():.3f}")
    print(f"test accuracy: {accuracy(model, test_loader):.4f}")


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
run(Config(seed=parser.parse_args().seed))
