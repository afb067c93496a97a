import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)


class TinyUNet(nn.Module):
    def __init__(self, c=10):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                                 nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.d1, self.d2 = block(1, c), block(c, 2 * c)
        self.u1 = block(3 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        up = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.out(self.u1(torch.cat([a, up], 1)))


def scans(n, rng, s=32):
    yy, xx = np.mgrid[:s, :s]
    img, mask = np.zeros((n, 1, s, s), np.float32), np.zeros((n, 1, s, s), np.float32)
    for k in range(n):
        bg = np.zeros((s, s))
        for _ in range(5):
            cx, cy, w = rng.uniform(0, s), rng.uniform(0, s), rng.uniform(5, 10)
            bg += rng.uniform(-.4, .4) * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / w ** 2)
        if rng.random() < 0.7:
            cx, cy = rng.uniform(4, s - 4, 2)
            m = ((xx - cx) / rng.uniform(1.5, 3)) ** 2 + ((yy - cy) / rng.uniform(1.5, 3)) ** 2 < 1
            mask[k, 0] = m
            bg = bg + m * rng.uniform(0.35, 0.6)
        img[k, 0] = bg + rng.normal(0, 0.2, (s, s))
    return torch.tensor(img) / 0.35, torch.tensor(mask)


def augment(img, mask):
    for axis in (-1, -2):
        if torch.rand(1).item() < 0.5:
            img, mask = img.flip(axis), mask.flip(axis)
    dy, dx = torch.randint(-3, 4, (2,)).tolist()     # positioning of the patient
    img = img.roll((dy, dx), (-2, -1))
    return img, mask


def dice_loss(logits, target, smooth=1.0):
    p = torch.sigmoid(logits)
    inter = (p * target).sum(dim=(1, 2, 3))
    total = p.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    dice = (2 * inter + smooth) / (total + smooth)
    return 1 - dice.mean()


def criterion(logits, target):
    return F.binary_cross_entropy_with_logits(logits, target) + dice_loss(logits, target)


@torch.no_grad()
def hard_dice(net, x, m):
    net.eval()
    p = (torch.cat([net(b) for b in x.split(50)]) > 0).float()
    return (2 * (p * m).sum() / (p.sum() + m.sum()).clamp(min=1)).item()


rng = np.random.default_rng(SEED)
xtr, mtr = scans(320, rng)
xte, mte = scans(120, rng)
net = TinyUNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
for epoch in range(12):
    net.train()
    run = []
    for idx in torch.randperm(len(xtr)).split(16):
        img, mask = augment(xtr[idx], mtr[idx])
        loss = criterion(net(img), mask)
        opt.zero_grad()
        loss.backward()
        opt.step()
        run.append(loss.item())
    sched.step()
    print(f"epoch {epoch} loss {np.mean(run):.4f} dice {hard_dice(net, xte, mte):.4f}")
print(f"score: {hard_dice(net, xte, mte):.4f}")
