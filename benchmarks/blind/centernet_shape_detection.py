"""Anchor-free detector on synthetic scenes: predict a centre heatmap, a size and an offset for every cell."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

torch.set_num_threads(1)


@dataclass
class Cfg:
    size: int = 32
    stride: int = 4
    n_train: int = 800
    n_test: int = 150
    batch: int = 16
    epochs: int = 7
    lr: float = 2e-3


def make_scenes(n, cfg, rng):
    imgs = rng.normal(0.2, 0.05, (n, 1, cfg.size, cfg.size)).astype(np.float32)
    boxes = []
    for i in range(n):
        objs = []
        for _ in range(rng.integers(1, 4)):
            w, h = rng.integers(5, 11), rng.integers(4, 9)
            x0, y0 = rng.integers(0, cfg.size - w), rng.integers(0, cfg.size - h)
            if any(abs(x0 + w / 2 - b[0]) < 9 and abs(y0 + h / 2 - b[1]) < 9 for b in objs):
                continue
            imgs[i, 0, y0:y0 + h, x0:x0 + w] += rng.uniform(0.4, 0.8)
            imgs[i, 0, y0 + 1:y0 + h - 1, x0 + 1:x0 + w - 1] -= rng.uniform(0.0, 0.2)
            objs.append((x0 + w / 2, y0 + h / 2, w, h))
        boxes.append(objs)
    return torch.from_numpy(imgs), boxes


def encode_targets(boxes, cfg):
    g = cfg.size // cfg.stride
    heat = torch.zeros(len(boxes), g, g)
    reg = torch.zeros(len(boxes), 4, g, g)
    for i, objs in enumerate(boxes):
        for cx, cy, w, h in objs:
            gx, gy = int(cx / cfg.stride), int(cy / cfg.stride)
            heat[i, gx, gy] = 1.0
            reg[i, :, gx, gy] = torch.tensor([cx / cfg.stride - gx, cy / cfg.stride - gy, w / 8.0, h / 8.0])
    return heat, reg


class Detector(nn.Module):
    def __init__(self, width=24):
        super().__init__()

        def cbr(i, o, s):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))

        self.body = nn.Sequential(cbr(1, width, 1), cbr(width, width, 2), cbr(width, 2 * width, 2), cbr(2 * width, 2 * width, 1))
        self.heat = nn.Conv2d(2 * width, 1, 1)
        self.reg = nn.Conv2d(2 * width, 4, 1)
        nn.init.constant_(self.heat.bias, -3.0)

    def forward(self, x):
        f = self.body(x)
        return self.heat(f).squeeze(1), self.reg(f)


def criterion(heat, reg, t_heat, t_reg):
    p = heat.sigmoid()
    focal = F.binary_cross_entropy_with_logits(heat, t_heat, reduction="none")
    focal = focal * torch.where(t_heat > 0, (1 - p) ** 2, p ** 2)
    n = t_heat.sum().clamp(min=1)
    l1 = (F.smooth_l1_loss(reg, t_reg, reduction="none") * t_heat.unsqueeze(1)).sum() / n
    return focal.sum() / n + l1


def decode(heat, reg, cfg, thr=0.3):
    p = heat.sigmoid()
    keep = (F.max_pool2d(p.unsqueeze(1), 3, 1, 1).squeeze(1) == p) & (p > thr)
    out = [[] for _ in range(len(p))]
    for i, y, x in keep.nonzero().tolist():
        dx, dy, w, h = reg[i, :, y, x].tolist()
        out[i].append(((x + dx) * cfg.stride, (y + dy) * cfg.stride, w * 8, h * 8, p[i, y, x].item()))
    return out


def iou(a, b):
    ix = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    iy = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    inter = max(ix, 0) * max(iy, 0)
    return inter / (a[2] * a[3] + b[2] * b[3] - inter)


def f1_score(preds, truth, thr=0.5):
    tp = fp = fn = 0
    for ps, ts in zip(preds, truth):
        left = list(ts)
        for p in sorted(ps, key=lambda q: -q[4]):
            hit = next((t for t in left if iou(p, t) >= thr), None)
            if hit is None:
                fp += 1
            else:
                tp += 1
                left.remove(hit)
        fn += len(left)
    return 2 * tp / max(2 * tp + fp + fn, 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    seed = ap.parse_args().seed
    cfg = Cfg()
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    x, boxes = make_scenes(cfg.n_train, cfg, rng)
    xt, boxes_t = make_scenes(cfg.n_test, cfg, rng)
    heat, reg = encode_targets(boxes, cfg)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, heat, reg), cfg.batch, shuffle=True)
    net = Detector()
    opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 2 * cfg.lr, total_steps=cfg.epochs * len(loader))
    for epoch in range(cfg.epochs):
        net.train()
        run = 0.0
        for xb, hb, rb in loader:
            loss = criterion(*net(xb), hb, rb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            run += loss.item()
        print(f"epoch {epoch} loss {run / len(loader):.3f}")
    net.eval()
    with torch.no_grad():
        preds = decode(*net(xt), cfg)
    print(f"test F1@0.5 {f1_score(preds, boxes_t):.3f}")


main()
