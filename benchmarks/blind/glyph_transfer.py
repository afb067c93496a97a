"""Transfer learning: pretrain a CNN on rotated-shape recognition, adapt it to a finer-grained task."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader


def polygon(k, rng, n=24, star=False):
    yy, xx = np.mgrid[0:n, 0:n] - (n - 1) / 2
    yy, xx = yy - rng.uniform(-2, 2), xx - rng.uniform(-2, 2)
    th = np.arctan2(yy, xx) + rng.uniform(0, 2 * np.pi)
    r = np.hypot(yy, xx)
    if k == 0:
        edge = np.ones_like(r)
    elif star:
        edge = 1 + 0.3 * np.cos(k * th)
    else:
        a = np.mod(th, 2 * np.pi / k) - np.pi / k
        edge = np.cos(np.pi / k) / np.cos(a) * 1.1
    img = 1 / (1 + np.exp(2.0 * (r - edge * rng.uniform(6, 8))))
    return img * rng.uniform(0.6, 1.0) + 0.12 * rng.normal(size=img.shape)


def build(n, kinds, rng):
    y = rng.integers(0, len(kinds), n)
    x = np.stack([polygon(*kinds[c][:1], rng, star=kinds[c][1]) for c in y]).astype(np.float32)
    return TensorDataset(torch.from_numpy(x)[:, None] - 0.3, torch.from_numpy(y))


SOURCE = [(0, False), (3, False), (4, False), (3, True)]
TARGET = [(5, True), (4, True), (3, True), (2, True), (0, False), (3, False)]


class ConvNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(32 * 9, classes)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


def train(model, loader, optimizer, epochs, tag):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"[{tag}] epoch {epoch} loss {np.mean(losses):.4f}")


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hits = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


def replace_head(model, classes):
    model.fc = nn.Linear(model.fc.in_features, classes)
    return model


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)

model = ConvNet(len(SOURCE))
source = DataLoader(build(600, SOURCE, rng), 32, shuffle=True)
train(model, source, torch.optim.Adam(model.parameters(), lr=2e-3), 4, "pretrain")

target = DataLoader(build(480, TARGET, rng), 24, shuffle=True)
held_out = DataLoader(build(300, TARGET, rng), 100)
for p in model.features[:8].parameters():
    p.requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
model = replace_head(model, len(TARGET))
train(model, target, optimizer, 8, "finetune")
print(f"target accuracy: {accuracy(model, held_out):.4f}")
