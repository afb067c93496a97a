"""Small-nodule segmentation in CT-like slices. Focal loss written after Lin et al. 2017, eq. (5)."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
S = 32


def slice_(rng):
    yy, xx = np.mgrid[0:S, 0:S]
    img = rng.normal(0, 1, (S, S))
    img = (img + np.roll(img, 1, 0) + np.roll(img, 1, 1) + np.roll(np.roll(img, 1, 0), 1, 1)) / 4
    for _ in range(rng.integers(2, 4)):
        a = rng.uniform(0, np.pi)
        off = rng.uniform(-10, 10)
        d = np.abs((xx - 16) * np.sin(a) - (yy - 16) * np.cos(a) - off)
        img += 1.1 * np.exp(-d ** 2 / 1.2)
    mask = np.zeros((S, S))
    for _ in range(rng.integers(1, 3)):
        cx, cy, r = rng.uniform(4, 28), rng.uniform(4, 28), rng.uniform(1.6, 2.8)
        d2 = (xx - cx) ** 2 + (yy - cy) ** 2
        img += 2.4 * np.exp(-d2 / (r * r))
        mask[d2 < r * r] = 1
    return img.astype("float32"), mask.astype("float32")


def split(rng, n):
    pairs = [slice_(rng) for _ in range(n)]
    return (torch.from_numpy(np.stack([a for a, _ in pairs]))[:, None],
            torch.from_numpy(np.stack([b for _, b in pairs]))[:, None])


class FocalLoss(nn.Module):
    def __init__(self, alpha=0.5, gamma=2.0):
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, logits, target):
        bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p_t = torch.exp(-bce)
        alpha_t = self.alpha * target + (1 - self.alpha) * (1 - target)
        return (alpha_t * p_t ** self.gamma * bce).mean()


class TinyUNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.d1 = self.block(1, c)
        self.d2 = self.block(c, 2 * c)
        self.u1 = self.block(3 * c, c)
        self.head = nn.Conv2d(c, 1, 1)

    @staticmethod
    def block(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                             nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        b = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.head(self.u1(torch.cat([a, b], 1)))


def dice(logits, y):
    p = (logits > 0).float()
    return (2 * (p * y).sum() / (p.sum() + y.sum() + 1e-6)).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = split(rng, 400)
    xv, yv = split(rng, 150)
    net, crit = TinyUNet(), FocalLoss()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(7):
        net.train()
        losses = []
        for b in torch.randperm(len(x)).split(16):
            loss = crit(net(x[b]), y[b])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            d = dice(net(xv), yv)
        print(f"epoch {epoch} focal {np.mean(losses):.5f} dice {d:.3f}")
    print(f"validation dice {d:.4f}")
