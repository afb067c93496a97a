import os
import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)

# Locate a part on the conveyor: one part (disc or square) per 24x24 frame, predict kind and box (cx, cy, size)

def frames(n, rng, size=24):
    yy, xx = np.mgrid[:size, :size]
    imgs = np.zeros((n, 1, size, size), np.float32)
    kinds = rng.integers(0, 2, n)
    boxes = np.zeros((n, 3), np.float32)
    for i in range(n):
        r = rng.uniform(2.5, 5)
        cx, cy = rng.uniform(r, size - r, 2)
        if kinds[i]:
            m = (xx - cx) ** 2 + (yy - cy) ** 2 <= r * r
        else:
            m = (abs(xx - cx) <= r) & (abs(yy - cy) <= r)
        imgs[i, 0] = m * rng.uniform(0.5, 1.0) + rng.normal(0, 0.12, (size, size))
        boxes[i] = cx / size, cy / size, 2 * r / size
    return torch.tensor(imgs), torch.tensor(kinds), torch.tensor(boxes)


def conv_block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2))


class PartFinder(nn.Module):
    POOL = 1

    def __init__(self, width=16):
        super().__init__()
        self.backbone = nn.Sequential(conv_block(1, width), conv_block(width, 2 * width), nn.AdaptiveAvgPool2d(self.POOL))
        feat = 2 * width * self.POOL ** 2
        self.cls_head = nn.Linear(feat, 2)
        self.box_head = nn.Sequential(nn.Linear(feat, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, x):
        f = self.backbone(x).flatten(1)
        return self.cls_head(f), self.box_head(f)


def iou(a, b):
    def corners(t):
        return t[:, :2] - t[:, 2:] / 2, t[:, :2] + t[:, 2:] / 2
    a0, a1 = corners(a)
    b0, b1 = corners(b)
    inter = (torch.min(a1, b1) - torch.max(a0, b0)).clamp(min=0).prod(1)
    return inter / (a[:, 2].clamp(min=0) ** 2 + b[:, 2] ** 2 - inter + 1e-9)


def train(seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    tr, te = frames(1200, rng), frames(300, rng)
    net = PartFinder()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=14)
    ce, sl1 = nn.CrossEntropyLoss(), nn.SmoothL1Loss(beta=0.1)
    for epoch in range(14):
        net.train()
        log = []
        for idx in torch.randperm(len(tr[0])).split(32):
            img, kind, box = (t[idx] for t in tr)
            logits, pred = net(img)
            l_cls, l_box = ce(logits, kind), sl1(pred, box)
            loss = l_cls + 10 * l_box
            opt.zero_grad()
            loss.backward()
            opt.step()
            log.append((l_cls.item(), l_box.item()))
        sched.step()
        if epoch % 4 == 3:
            print("epoch", epoch, "cls %.4f box %.4f" % tuple(np.mean(log, 0)))
    net.eval()
    with torch.no_grad():
        logits, pred = net(te[0])
    print("kind accuracy %.3f" % (logits.argmax(1) == te[1]).float().mean().item())
    return iou(pred, te[2]).mean().item()


if __name__ == "__main__":
    print("score: %.4f" % train(int(os.environ.get("SEED", "0"))))
