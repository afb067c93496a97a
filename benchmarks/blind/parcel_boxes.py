"""Single object localisation: photos of different sizes are resized to 32x32 and a CNN regresses the box."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Args:
    seed: int = 0
    size: int = 32
    n_train: int = 1500
    n_val: int = 400
    epochs: int = 14
    batch: int = 32
    lr: float = 2e-3


def photo(rng):
    h, w = int(rng.integers(40, 161)), int(rng.integers(40, 161))
    img = np.empty((3, h, w), dtype=np.float32)
    base = rng.uniform(0.2, 0.6, 3)
    img[:] = base[:, None, None]
    img += 0.15 * np.linspace(-1, 1, w)[None, None, :] * rng.normal() + 0.04 * rng.normal(size=(3, h, w))
    bw, bh = rng.uniform(0.2, 0.5) * w, rng.uniform(0.2, 0.5) * h
    x0, y0 = rng.uniform(0, w - bw), rng.uniform(0, h - bh)
    x1, y1 = x0 + bw, y0 + bh
    colour = np.clip(base + rng.choice([-1, 1]) * rng.uniform(0.25, 0.4, 3), 0, 1)
    img[:, int(y0):int(y1) + 1, int(x0):int(x1) + 1] = colour[:, None, None]
    ym = int((y0 + y1) / 2)
    img[:, max(ym - 1, 0):ym + 1, int(x0):int(x1) + 1] *= 0.6
    return img, (x0, y0, x1, y1)


def load_sample(rng, size):
    img, (x0, y0, x1, y1) = photo(rng)
    _, h, w = img.shape
    t = F.interpolate(torch.from_numpy(img)[None], size=(size, size), mode="bilinear", align_corners=False)[0]
    box = torch.tensor([x0, y0, x1, y1])
    return t, box


def make_split(n, seed, size):
    rng = np.random.default_rng(seed)
    pairs = [load_sample(rng, size) for _ in range(n)]
    return torch.stack([p for p, _ in pairs]), torch.stack([b for _, b in pairs]).float()


class Localiser(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))

        self.features = nn.Sequential(block(3, 12), block(12, 24), block(24, 32))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.head(self.features(x)) * self.size


def iou(a, b):
    lt, rb = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(1)
    area = lambda t: (t[:, 2:] - t[:, :2]).clamp(min=0).prod(1)
    return inter / (area(a) + area(b) - inter + 1e-6)


class Trainer:
    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        self.train_set = make_split(args.n_train, 10 + args.seed, args.size)
        self.val_set = make_split(args.n_val, 500 + args.seed, args.size)
        self.model = Localiser(args.size)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=args.lr)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, args.epochs)

    def epoch(self):
        x, y = self.train_set
        self.model.train()
        losses = []
        for idx in torch.randperm(len(x)).split(self.args.batch):
            loss = F.smooth_l1_loss(self.model(x[idx]), y[idx])
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        self.sched.step()
        return float(np.mean(losses))

    @torch.no_grad()
    def mean_iou(self, split):
        self.model.eval()
        return iou(self.model(split[0]), split[1]).mean().item()

    def fit(self):
        for e in range(self.args.epochs):
            loss = self.epoch()
            print(f"epoch {e + 1} loss {loss:.3f} val IoU {self.mean_iou(self.val_set):.3f}")
        print(f"mean IoU on validation photos {self.mean_iou(self.val_set):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    Trainer(Args(seed=ap.parse_args().seed)).fit()
