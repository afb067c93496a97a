"""Tiny U-Net for cell masks in microscopy-like tiles, with flip/rotate augmentation."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

S = 32


def tile(rng):
    yy, xx = np.mgrid[:S, :S]
    img = 0.25 + 0.1 * (xx * rng.normal() + yy * rng.normal()) / S
    mask = np.zeros((S, S), bool)
    for _ in range(rng.integers(1, 4)):
        cy, cx = rng.uniform(4, S - 4, 2)
        a, b = rng.uniform(3, 6, 2)
        th = rng.uniform(0, np.pi)
        u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
        v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
        r = (u / a) ** 2 + (v / b) ** 2
        inside = r < 1
        img = img + np.where(inside, 0.25 * rng.uniform(0.6, 1.2) * (0.4 + 0.6 * r), 0)
        mask |= inside
    for _ in range(rng.integers(1, 4)):  # debris: small bright specks, not cells
        cy, cx = rng.uniform(2, S - 2, 2)
        img = img + 0.5 * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 1.5)
    img = img + rng.normal(0, 0.06, (S, S))
    return img.astype(np.float32), mask.astype(np.float32)


class Augment:
    def __init__(self, rng):
        self.rng = rng

    def __call__(self, a):
        a = np.rot90(a, self.rng.integers(4))
        if self.rng.random() < 0.5:
            a = a[:, ::-1]
        return np.ascontiguousarray(a)


class Cells(Dataset):
    def __init__(self, n, rng, augment=None):
        self.items = [tile(rng) for _ in range(n)]
        self.augment = augment

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, mask = self.items[i]
        if self.augment is not None:
            img, mask = self.augment(img), self.augment(mask)
        return torch.from_numpy(img)[None], torch.from_numpy(mask)[None]


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, w=12):
        super().__init__()
        self.d1, self.d2, self.mid = conv(1, w), conv(w, 2 * w), conv(2 * w, 2 * w)
        self.u2, self.u1 = conv(4 * w, w), conv(2 * w, w)
        self.out = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([b, F.interpolate(c, scale_factor=2.0)], 1))
        a = self.u1(torch.cat([a, F.interpolate(b, scale_factor=2.0)], 1))
        return self.out(a)


def dice_bce(logit, y):
    p = logit.sigmoid()
    inter = (p * y).sum((1, 2, 3))
    dice = 1 - (2 * inter + 1) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1)
    return dice.mean() + F.binary_cross_entropy_with_logits(logit, y)


@torch.no_grad()
def iou(net, ds):
    net.eval()
    x = torch.stack([ds[i][0] for i in range(len(ds))])
    y = torch.stack([ds[i][1] for i in range(len(ds))]) > 0.5
    p = net(x) > 0
    return ((p & y).sum() / (p | y).sum()).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train = Cells(500, rng, Augment(np.random.default_rng(args.seed + 1)))
    test = Cells(150, rng)
    net = UNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for ep in range(7):
        net.train()
        for x, y in DataLoader(train, batch_size=20, shuffle=True):
            loss = dice_bce(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {ep} last loss {loss.item():.3f}")
    print(f"test IoU {iou(net, test):.3f}")
