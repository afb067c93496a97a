"""Segmentation of thin road markings; images and label maps are resized to the training resolution."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
RAW, OUT, CLASSES = 60, 28, 5      # 0 road, 1 kerb, 2 grass, 3 dashed line, 4 solid line
YY, XX = np.mgrid[0:RAW, 0:RAW] / RAW


def scene(rng):
    lab = np.zeros((RAW, RAW), np.int64)
    slope, off = rng.normal(0, 0.25), rng.uniform(0.3, 0.6)
    d = XX - off - slope * (YY - 0.5)
    lab[np.abs(d) > 0.3] = 2
    lab[(np.abs(d) > 0.25) & (np.abs(d) <= 0.3)] = 1
    lab[(np.abs(d) < 0.03) & ((YY * 7 + rng.random()) % 1 < 0.55)] = 3
    lab[np.abs(np.abs(d) - 0.17) < 0.025] = 4
    palette = np.array([[0.3, 0.3, 0.32], [0.55, 0.5, 0.5], [0.25, 0.5, 0.2], [0.9, 0.9, 0.85], [0.9, 0.8, 0.3]])
    img = palette[lab] * rng.uniform(0.7, 1.15) + rng.normal(0, 0.06, (RAW, RAW, 3))
    return img.transpose(2, 0, 1).astype(np.float32), lab


class Roads(Dataset):
    def __init__(self, n, seed, train):
        rng = np.random.default_rng(seed)
        self.train = train
        self.items = [self.prepare(*scene(rng)) for _ in range(n)]

    def prepare(self, img, lab):
        img, lab = torch.from_numpy(img), torch.from_numpy(lab)
        return self.for_training(img, lab) if self.train else self.for_scoring(img, lab)

    def for_training(self, img, lab):
        both = torch.cat([img, lab[None].float()])[None]
        if torch.rand(()) < 0.5:
            both = both.flip(-1)
        image = F.interpolate(both[:, :3], size=(OUT, OUT), mode="bilinear", antialias=True)
        mask = F.interpolate(both[:, 3:], size=(OUT, OUT), mode="bilinear", align_corners=False)
        return image[0], mask[0, 0].long()

    def for_scoring(self, img, lab):
        image = F.interpolate(img[None], size=(OUT, OUT), mode="bilinear", antialias=True)
        mask = F.interpolate(lab[None, None].float(), size=(OUT, OUT), mode="nearest")
        return image[0], mask[0, 0].long()

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class UNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.e1, self.e2, self.mid = block(3, c), block(c, 2 * c), block(2 * c, 2 * c)
        self.d2, self.d1 = block(4 * c, c), block(2 * c, c)
        self.out = nn.Conv2d(c, CLASSES, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        u = self.d2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        u = self.d1(torch.cat([F.interpolate(u, scale_factor=2), a], 1))
        return self.out(u)


@torch.no_grad()
def mean_iou(model, loader):
    model.eval()
    inter, union = torch.zeros(CLASSES), torch.zeros(CLASSES)
    for x, y in loader:
        p = model(x).argmax(1)
        for c in range(CLASSES):
            inter[c] += ((p == c) & (y == c)).sum()
            union[c] += ((p == c) | (y == c)).sum()
    model.train()
    return (inter / union).mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    train = DataLoader(Roads(320, 600 + args.seed, True), 16, shuffle=True)
    test = DataLoader(Roads(120, 11, False), 40)
    model = UNet()
    opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
    for epoch in range(14):
        tot = 0.0
        for x, y in train:
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        if epoch % 3 == 0:
            print(f"epoch {epoch} loss {tot / len(train):.4f} mIoU {mean_iou(model, test):.4f}")
    print(f"mean IoU {mean_iou(model, test):.4f}")


if __name__ == "__main__":
    main()
