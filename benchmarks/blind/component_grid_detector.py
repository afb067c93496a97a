"""Single-scale grid detector (YOLO style) for components on a circuit board picture."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
IMG, GRID, CLS = 32, 8, 3
CELL = IMG // GRID


def board(rng):
    img = rng.normal(0.2, 0.06, (IMG, IMG))
    boxes, used = [], set()
    for _ in range(rng.integers(1, 4)):
        c = rng.integers(0, CLS)
        w, h = rng.uniform(5, 10), rng.uniform(5, 10)
        cx, cy = rng.uniform(w / 2, IMG - w / 2), rng.uniform(h / 2, IMG - h / 2)
        if any(abs(cx - b[1]) < (w + b[3]) / 2 + 1 and abs(cy - b[2]) < (h + b[4]) / 2 + 1 for b in boxes):
            continue
        x0, x1, y0, y1 = int(cx - w / 2), int(cx + w / 2), int(cy - h / 2), int(cy + h / 2)
        patch = img[y0:y1, x0:x1]
        if c == 0:
            patch += 0.6
        elif c == 1:
            patch[::2] += 0.8
        else:
            patch += 0.6
            patch[2:-2, 2:-2] -= 0.6
        boxes.append((c, cx, cy, w, h))
    return img.astype(np.float32), boxes


class Boards(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.items = [board(rng) for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, boxes = self.items[i]
        obj = torch.zeros(GRID, GRID)
        box = torch.zeros(GRID, GRID, 4)
        cls = torch.zeros(GRID, GRID, dtype=torch.long)
        for c, cx, cy, w, h in boxes:
            gi, gj = int(cx / CELL), int(cy / CELL)
            tx, ty = cx / CELL - gi, cy / CELL - gj
            obj[gi, gj] = 1
            box[gi, gj] = torch.tensor([tx, ty, np.log(w / 8), np.log(h / 8)])
            cls[gi, gj] = int(c)
        return torch.from_numpy(img)[None], obj, box, cls


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        def conv(i, o, s=1):
            return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.1))
        self.body = nn.Sequential(conv(1, 16, 2), conv(16, 32, 2), conv(32, 32), conv(32, 32))
        self.head = nn.Conv2d(32, 5 + CLS, 1)
        nn.init.constant_(self.head.bias[:1].data, -3.0)

    def forward(self, x):
        p = self.head(self.body(x)).permute(0, 2, 3, 1)
        xy = torch.sigmoid(p[..., 1:3])
        return p[..., 0], torch.cat([xy, p[..., 3:5]], -1), p[..., 5:]


def detection_loss(out, obj, box, cls):
    o, b, c = out
    pos = obj > 0
    l_obj = F.binary_cross_entropy_with_logits(o, obj, reduction="sum") / pos.sum()
    l_box = F.smooth_l1_loss(b[pos], box[pos])
    return l_obj + 4 * l_box + F.cross_entropy(c[pos], cls[pos])


def iou(a, b):
    x = max(0, min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2))
    y = max(0, min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2))
    return x * y / (a[2] * a[3] + b[2] * b[3] - x * y)


@torch.no_grad()
def f1_score(model, data):
    model.eval()
    tp = fp = total = 0
    for img, boxes in data.items:
        o, b, c = model(torch.from_numpy(img)[None, None])
        total += len(boxes)
        left = list(boxes)
        for gj, gi in torch.nonzero(torch.sigmoid(o[0]) > 0.5).tolist():
            tx, ty, w, h = b[0, gj, gi].tolist()
            pred = ((gi + tx) * CELL, (gj + ty) * CELL, 8 * np.exp(w), 8 * np.exp(h))
            k = int(c[0, gj, gi].argmax())
            hit = next((g for g in left if g[0] == k and iou(pred, g[1:]) > 0.5), None)
            if hit:
                left.remove(hit)
                tp += 1
            else:
                fp += 1
    model.train()
    return 2 * tp / max(1, total + tp + fp)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(Boards(1200, 1200 + args.seed), 32, shuffle=True)
    test = Boards(250, 16)
    model = Detector()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(8):
        tot = 0.0
        for x, obj, box, cls in loader:
            loss = detection_loss(model(x), obj, box, cls)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        print(f"epoch {epoch} loss {tot / len(loader):.4f}")
    print(f"detection F1@0.5 {f1_score(model, test):.4f}")


if __name__ == "__main__":
    main()
