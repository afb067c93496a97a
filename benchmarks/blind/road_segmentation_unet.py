import argparse
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


def render_scene(rng, size=32):
    """A road winding over textured ground, seen from above, with a few roofs of the road's own grey."""
    yy, xx = np.mgrid[0:size, 0:size] / size
    ground = 0.45 + 0.12 * np.sin(6 * xx + rng.uniform(0, 6)) * np.cos(5 * yy + rng.uniform(0, 6))
    img = np.stack([ground * 0.8, ground * 1.1, ground * 0.6])
    a, b, c, d = rng.uniform(0.1, 0.9), rng.uniform(-0.5, 0.5), rng.uniform(0.05, 0.15), rng.uniform(0, 6)
    centre = a + b * (yy - 0.5) + c * np.sin(5 * yy + d)
    width = rng.uniform(0.05, 0.10)
    mask = np.abs(xx - centre) < width
    if rng.random() < 0.5:
        mask = mask.T
    for _ in range(rng.integers(1, 4)):
        y, x = rng.integers(0, size - 6, 2)
        img[:, y:y + 5, x:x + 5] = rng.uniform(0.4, 0.6)
    img[:, mask] = rng.uniform(0.4, 0.6)
    img = img + rng.normal(0, 0.05, img.shape)
    return img.astype(np.float32), mask.astype(np.float32)


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, t):
        if random.random() < self.p:
            t = torch.flip(t, [-1])
        if random.random() < self.p:
            t = torch.flip(t, [-2])
        return t


class Roads(Dataset):
    def __init__(self, n, seed, augment=None):
        rng = np.random.default_rng(seed)
        scenes = [render_scene(rng) for _ in range(n)]
        self.images = torch.from_numpy(np.stack([s[0] for s in scenes]))
        self.masks = torch.from_numpy(np.stack([s[1] for s in scenes]))[:, None]
        self.augment = augment

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.augment is not None:
            image = self.augment(image)
            mask = self.augment(mask)
        return (image - 0.45) / 0.15, mask


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU(),
                         nn.Conv2d(o, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.d1, self.d2, self.mid = double(3, c), double(c, 2 * c), double(2 * c, 2 * c)
        self.u2, self.u1 = double(4 * c, 2 * c), double(3 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        u = self.u2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        u = self.u1(torch.cat([F.interpolate(u, scale_factor=2), a], 1))
        return self.out(u)


def dice_loss(logits, y):
    p = logits.sigmoid()
    inter = (p * y).sum((1, 2, 3))
    return (1 - (2 * inter + 1) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1)).mean()


@torch.no_grad()
def evaluate(net, loader):
    net.eval()
    inter = union = 0
    for x, y in loader:
        p = net(x) > 0
        inter += (p & (y > 0)).sum().item()
        union += (p | (y > 0)).sum().item()
    return inter / union


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    train = DataLoader(Roads(400, args.seed, RandomFlip()), batch_size=16, shuffle=True)
    val = DataLoader(Roads(120, args.seed + 1000), batch_size=40)
    net = UNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs)
    for epoch in range(args.epochs):
        net.train()
        total = 0.0
        for x, y in train:
            logits = net(x)
            loss = F.binary_cross_entropy_with_logits(logits, y) + dice_loss(logits, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        sched.step()
        print(f"epoch {epoch + 1} loss {total / len(train):.3f}")
    print(f"val IoU {evaluate(net, val):.3f}")


if __name__ == "__main__":
    main()
