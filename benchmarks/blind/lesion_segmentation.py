"""U-Net style segmentation of lesions in synthetic dermoscopy patches, with augmentation."""
import argparse
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader


class RandomFlip:
    def __init__(self, axis, p=0.5):
        self.axis, self.p = axis, p

    def __call__(self, a):
        return a.flip(self.axis) if random.random() < self.p else a


class RandomRot90:
    def __call__(self, a):
        return torch.rot90(a, random.randrange(4), (-2, -1))


class Compose:
    def __init__(self, *ts):
        self.ts = ts

    def __call__(self, a):
        for t in self.ts:
            a = t(a)
        return a


def patch(rng, n=32):
    yy, xx = np.mgrid[0:n, 0:n].astype(float)
    cy, cx = rng.uniform(7, n - 7, 2)
    th = np.arctan2(yy - cy, xx - cx)
    r = rng.uniform(4, 8) * (1 + sum(rng.uniform(-.15, .15) * np.cos(k * th + rng.uniform(0, 6)) for k in (2, 3, 4)))
    mask = (np.hypot(yy - cy, xx - cx) < r).astype(np.float32)
    skin = np.array([0.85, 0.65, 0.55]) * rng.uniform(0.85, 1.1)
    mole = np.array([0.5, 0.33, 0.26]) * rng.uniform(0.8, 1.3)
    img = skin[:, None, None] * (1 - mask) + mole[:, None, None] * mask
    img += 0.06 * (yy / n - 0.5) * rng.normal() + rng.normal(0, 0.07, (3, n, n))
    for _ in range(rng.integers(0, 5)):
        x0, sl = rng.uniform(0, n), rng.uniform(-1, 1)
        for t in range(n):
            xi = int(x0 + sl * t)
            if 0 <= xi < n:
                img[:, t, xi] = 0.2
    return img.astype(np.float32), mask[None]


class Lesions(Dataset):
    def __init__(self, n, seed, transform=None):
        rng = np.random.default_rng(seed)
        self.items = [patch(rng) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, mask = map(torch.from_numpy, self.items[i])
        if self.transform is not None:
            img = self.transform(img)
            mask = self.transform(mask)
        return (img - 0.6) / 0.25, mask


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2, self.mid = conv(3, c), conv(c, 2 * c), conv(2 * c, 4 * c)
        self.u2, self.u1 = conv(6 * c, 2 * c), conv(3 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        a = self.u1(torch.cat([F.interpolate(b, scale_factor=2), a], 1))
        return self.out(a)


def dice_loss(logits, target, eps=1.0):
    p = logits.sigmoid()
    inter = (p * target).sum((1, 2, 3))
    return (1 - (2 * inter + eps) / (p.sum((1, 2, 3)) + target.sum((1, 2, 3)) + eps)).mean()


def mean_iou(model, loader):
    model.eval()
    out = []
    with torch.no_grad():
        for x, y in loader:
            p = model(x) > 0
            y = y > 0.5
            out.append((p & y).sum((1, 2, 3)).float() / (p | y).sum((1, 2, 3)).clamp(min=1))
    return torch.cat(out).mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=5)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    aug = Compose(RandomFlip(-1), RandomFlip(-2), RandomRot90())
    train = DataLoader(Lesions(400, a.seed, aug), batch_size=16, shuffle=True)
    test = DataLoader(Lesions(120, a.seed + 999), batch_size=40)
    model = UNet()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(a.epochs):
        model.train()
        total = 0.0
        for x, y in train:
            logits = model(x)
            loss = F.binary_cross_entropy_with_logits(logits, y) + dice_loss(logits, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train):.4f}")
    print(f"test IoU: {mean_iou(model, test):.4f}")


if __name__ == "__main__":
    main()
