"""One-stage grid detector (YOLO-like) for a few vehicles seen from above."""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

IMG, GRID = 48, 6
STRIDE = IMG // GRID


def scene(rng, g):
    img = torch.randn(1, IMG, IMG, generator=g) * 0.08 + 0.3
    k = rng.randint(0, IMG - 8)
    img[:, k:k + 6] += 0.1  # a road
    boxes = []
    for _ in range(rng.randint(1, 3)):
        w, h = rng.choice([(9, 5), (12, 6), (15, 7)])
        x0, y0 = rng.randint(0, IMG - w), rng.randint(0, IMG - h)
        cx, cy = x0 + w / 2, y0 + h / 2
        if any(abs(cx - b[0]) < 14 and abs(cy - b[1]) < 9 for b in boxes):
            continue
        img[:, y0:y0 + h, x0:x0 + w] += rng.uniform(0.3, 0.6)
        img[:, y0 + 1:y0 + h - 1, x0 + w - 3:x0 + w - 1] -= 0.4  # windscreen
        boxes.append((cx, cy, w, h))
    return img, boxes


def build_targets(batch_boxes):
    B = len(batch_boxes)
    obj = torch.zeros(B, GRID, GRID)
    txywh = torch.zeros(B, 4, GRID, GRID)
    for b, boxes in enumerate(batch_boxes):
        for cx, cy, w, h in boxes:
            gx, gy = cx / STRIDE, cy / STRIDE
            gi, gj = int(gx), int(gy)
            t = torch.tensor([gx - gi, gy - gj, w / IMG, h / IMG])
            obj[b, gi, gj] = 1.0
            txywh[b, :, gi, gj] = t
    return obj, txywh


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        def c(i, o, s):
            return [nn.Conv2d(i, o, 3, s, 1), nn.BatchNorm2d(o), nn.LeakyReLU(0.1)]
        self.net = nn.Sequential(*c(1, 16, 2), *c(16, 32, 2), *c(32, 48, 2), *c(48, 48, 1), nn.Conv2d(48, 5, 1))

    def forward(self, x):
        return self.net(x)


def detection_loss(out, obj, t, lambda_box=5.0):
    conf = F.binary_cross_entropy_with_logits(out[:, 0], obj)
    pred = out[:, 1:].sigmoid()
    m = obj[:, None]
    box = ((pred - t).pow(2) * m).sum() / m.sum().clamp(min=1)
    return conf + lambda_box * box


def decode(out, thr=0.5):
    res = []
    for o in out:
        conf, box = o[0].sigmoid(), o[1:].sigmoid()
        dets = []
        for j, i in (conf > thr).nonzero().tolist():
            x, y, w, h = box[:, j, i].tolist()
            dets.append((conf[j, i].item(), ((i + x) * STRIDE, (j + y) * STRIDE, w * IMG, h * IMG)))
        res.append(sorted(dets, reverse=True))
    return res


def iou(a, b):
    iw = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    ih = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    inter = max(iw, 0) * max(ih, 0)
    return inter / (a[2] * a[3] + b[2] * b[3] - inter)


def f1(model, data):
    model.eval()
    tp = n_det = n_gt = 0
    with torch.no_grad():
        dets = decode(model(torch.stack([d[0] for d in data])))
    for (_, gt), ds in zip(data, dets):
        left = list(gt)
        n_gt, n_det = n_gt + len(gt), n_det + len(ds)
        for _, d in ds:
            best = max(left, key=lambda q: iou(d, q), default=None)
            if best is not None and iou(d, best) > 0.5:
                tp += 1
                left.remove(best)
    return 2 * tp / max(n_det + n_gt, 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng, g = random.Random(args.seed), torch.Generator().manual_seed(args.seed)
    train, test = [scene(rng, g) for _ in range(800)], [scene(rng, g) for _ in range(200)]
    model = Detector()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for ep in range(10):
        model.train()
        rng.shuffle(train)
        for i in range(0, len(train), 32):
            part = train[i:i + 32]
            out = model(torch.stack([p[0] for p in part]))
            loss = detection_loss(out, *build_targets([p[1] for p in part]))
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {ep} loss {loss.item():.4f}")
    print(f"test F1@0.5 {f1(model, test):.3f}")


main()
