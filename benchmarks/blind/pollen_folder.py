"""Pollen grain classes from simulated microscope crops. Files were collected folder by folder (one per class)."""
import os
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)

CLASSES = ["birch", "grass", "ragweed", "pine"]


def crop(label, rng, s=20):
    yy, xx = np.mgrid[:s, :s] - (s - 1) / 2 + rng.normal(0, 0.8, (2, 1, 1))
    r = np.hypot(yy, xx)
    if label == 0:
        g = (r < 6) * 0.8
    elif label == 1:
        g = ((r < 7) & (r > 4.5)) * 0.9
    elif label == 2:
        g = (r < 6) * (0.5 + 0.5 * np.cos(10 * np.arctan2(yy, xx)))
    else:
        g = (np.hypot(yy, xx - 4) < 4) * 0.8 + (np.hypot(yy, xx + 4) < 4) * 0.8
    return (g * rng.uniform(0.6, 1.2) + rng.normal(0, 0.3, (s, s))).astype(np.float32)


class PollenFolder(Dataset):
    def __init__(self, per_class, seed):
        rng = np.random.default_rng(seed)
        self.samples = []
        for label, _ in enumerate(CLASSES):
            for _ in range(per_class):
                self.samples.append((crop(label, rng), label))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        img, label = self.samples[i]
        return torch.from_numpy((img - 0.2) / 0.45).unsqueeze(0), label


def make_loaders(batch_size=32):
    train_set = PollenFolder(300, 1000 + SEED)
    test_set = PollenFolder(100, 2000 + SEED)
    train_loader = DataLoader(train_set, batch_size)
    test_loader = DataLoader(test_set, batch_size)
    return train_loader, test_loader


class PollenNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        chans = [1, 16, 32, 32]
        blocks = []
        for a, b in zip(chans, chans[1:]):
            blocks += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*blocks)
        self.fc = nn.Linear(32 * 4, n_classes)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


def test(net, loader):
    net.eval()
    good = n = 0
    with torch.no_grad():
        for x, y in loader:
            good += (net(x).argmax(1) == y).sum().item()
            n += len(y)
    return good / n


train_loader, test_loader = make_loaders()
net = PollenNet(len(CLASSES))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()
for epoch in range(10):
    net.train()
    running = 0.0
    for x, y in train_loader:
        opt.zero_grad()
        loss = ce(net(x), y)
        loss.backward()
        opt.step()
        running += loss.item()
    print("epoch", epoch, "train loss %.4f" % (running / len(train_loader)))
print("score: %.4f" % test(net, test_loader))
