"""Keypoint regression of a stick figure (head, hands, feet) with flip augmentation."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
SIZE = 24
NAMES = ["head", "l_hand", "r_hand", "l_foot", "r_foot"]
FLIP_PAIRS = [(1, 2), (3, 4)]
YY, XX = np.mgrid[0:SIZE, 0:SIZE]


def segment(img, a, b, width, value):
    ax, ay, bx, by = *a, *b
    dx, dy = bx - ax, by - ay
    t = np.clip(((XX - ax) * dx + (YY - ay) * dy) / (dx * dx + dy * dy + 1e-6), 0, 1)
    dist = np.hypot(XX - ax - t * dx, YY - ay - t * dy)
    np.maximum(img, value * np.clip(1.3 - dist / width, 0, 1), out=img)


def figure(rng):
    img = np.zeros((SIZE, SIZE))
    cx, cy = rng.uniform(9, 15), rng.uniform(10, 13)
    s = rng.uniform(0.8, 1.1)
    head = (cx + rng.normal(0, 0.5), cy - 6 * s)
    hip = (cx, cy + 3 * s)
    lh = (cx + s * rng.uniform(2, 6.5), cy + s * rng.uniform(-6, 3))
    rh = (cx - s * rng.uniform(2, 6.5), cy + s * rng.uniform(-6, 3))
    lf = (cx + s * rng.uniform(0.5, 4.5), cy + s * rng.uniform(6, 8.5))
    rf = (cx - s * rng.uniform(0.5, 4.5), cy + s * rng.uniform(6, 8.5))
    for a, b in [((cx, cy - 4 * s), hip), ((cx, cy - 2 * s), lh), ((cx, cy - 2 * s), rh), (hip, lf), (hip, rf)]:
        segment(img, a, b, 0.9, 0.8)
    segment(img, head, head, 1.8, 1.0)
    img += rng.normal(0, 0.08, img.shape)
    pts = np.array([head, lh, rh, lf, rf]) / (SIZE - 1)
    return img.astype(np.float32), pts.astype(np.float32)


class Figures(Dataset):
    def __init__(self, n, seed, flip_prob=0.0):
        rng = np.random.default_rng(seed)
        self.data = [figure(rng) for _ in range(n)]
        self.rng = np.random.default_rng(seed + 1)
        self.flip_prob = flip_prob

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        img, pts = self.data[i]
        if self.rng.random() < self.flip_prob:
            img = img[:, ::-1].copy()
            pts = pts.copy()
            pts[:, 0] = 1 - pts[:, 0]
        return torch.from_numpy(img)[None], torch.from_numpy(pts)


class PoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        def conv(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.features = nn.Sequential(conv(1, 8), conv(8, 16), conv(16, 32))
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Linear(64, 2 * len(NAMES)))

    def forward(self, x):
        return self.fc(self.features(x)).view(-1, len(NAMES), 2)


@torch.no_grad()
def pck(model, loader, thr=0.1):
    model.eval()
    hits = [((model(x) - p).norm(dim=-1) < thr).float() for x, p in loader]
    model.train()
    return torch.cat(hits).mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    train = DataLoader(Figures(1500, 300 + args.seed, flip_prob=0.5), 32, shuffle=True)
    test = DataLoader(Figures(400, 9), 100)
    model = PoseNet()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
    for epoch in range(12):
        tot = 0.0
        for x, p in train:
            loss = nn.functional.smooth_l1_loss(model(x), p, beta=0.05)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        sched.step()
        if epoch % 3 == 0:
            print(f"epoch {epoch} loss {tot / len(train):.4f} PCK {pck(model, test):.3f}")
    print(f"PCK@0.1 {pck(model, test):.4f}")


if __name__ == "__main__":
    main()
