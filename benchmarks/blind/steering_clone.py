"""Behavioural cloning: steering angle from a small front camera image."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def render(rng, h=20, w=32):
    curve = rng.normal(0, 0.5)
    offset = rng.normal(0, 0.25)
    rows = np.linspace(1, 0, h)
    img = np.full((h, w), 0.45) + 0.05 * rng.normal(size=(h, w))
    cols = np.arange(w)
    for i, d in enumerate(rows):
        width = 12 * (1 - 0.75 * d) + 1
        centre = w / 2 - offset * w * 0.5 * (1 - d) + curve * w * 0.45 * d ** 2
        road = np.abs(cols - centre) < width
        img[i, road] = 0.25 + 0.03 * rng.normal(size=road.sum())
        for side in (-1, 1):
            line = np.abs(cols - (centre + side * width)) < 0.9
            img[i, line] = 0.9
    img *= rng.uniform(0.7, 1.2)
    angle = 0.7 * curve - 0.5 * offset + rng.normal(0, 0.02)
    return img.astype(np.float32), np.float32(angle)


class DrivingLog(Dataset):
    def __init__(self, n, seed, augment):
        rng = np.random.default_rng(seed)
        frames = [render(rng) for _ in range(n)]
        self.images = torch.from_numpy(np.stack([f for f, _ in frames])).unsqueeze(1)
        self.angles = torch.from_numpy(np.array([a for _, a in frames]))
        self.augment = augment

    def __len__(self):
        return len(self.angles)

    def __getitem__(self, i):
        image, angle = self.images[i], self.angles[i]
        if self.augment:
            if torch.rand(()) < 0.5:
                image = torch.flip(image, dims=[-1])
            image = image * (0.8 + 0.4 * torch.rand(()))
            image = image + 0.02 * torch.randn_like(image)
        return image, angle


class PilotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2), nn.ELU(),
            nn.Conv2d(12, 24, 3, stride=2), nn.ELU(),
            nn.Conv2d(24, 24, 3), nn.ELU(),
        )
        self.fc = nn.Sequential(nn.Linear(24 * 1 * 4, 50), nn.ELU(), nn.Linear(50, 10), nn.ELU(), nn.Linear(10, 1))

    def forward(self, x):
        x = (x - 0.45) / 0.25
        return self.fc(self.conv(x).flatten(1)).squeeze(1)


def evaluate(net, loader):
    net.eval()
    p, t = [], []
    with torch.no_grad():
        for x, y in loader:
            p.append(net(x))
            t.append(y)
    p, t = torch.cat(p), torch.cat(t)
    return (1 - ((p - t) ** 2).mean() / t.var()).item(), p.std().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=12)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    train = DataLoader(DrivingLog(2000, args.seed * 2 + 1, True), batch_size=64, shuffle=True)
    val = DataLoader(DrivingLog(600, args.seed * 2 + 2, False), batch_size=200)
    net = PilotNet()
    optim = torch.optim.Adam(net.parameters(), lr=1e-3)
    mse = nn.MSELoss()
    for epoch in range(args.epochs):
        net.train()
        s = 0.0
        for x, y in train:
            loss = mse(net(x), y)
            optim.zero_grad()
            loss.backward()
            optim.step()
            s += loss.item()
        r2, spread = evaluate(net, val)
        print(f"epoch {epoch} mse {s / len(train):.4f} val R2 {r2:.3f} prediction std {spread:.3f}")
    print(f"validation R2 {evaluate(net, val)[0]:.4f}")


if __name__ == "__main__":
    main()
