import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)


def phantom(rng, size=24):
    """slice of tissue with one bright lesion and several darker distractors"""
    yy, xx = np.mgrid[:size, :size]
    img = rng.normal(0.3, 0.07, (size, size))
    img += 0.15 * np.sin(xx / rng.uniform(3, 6) + rng.uniform(0, 6))
    cy, cx = rng.uniform(4, size - 4, 2)
    a, b, th = rng.uniform(2, 4), rng.uniform(1.5, 3), rng.uniform(0, np.pi)
    u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
    v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
    mask = (u / a) ** 2 + (v / b) ** 2 < 1
    for _ in range(3):
        py, px = rng.uniform(2, size - 2, 2)
        img[(xx - px) ** 2 + (yy - py) ** 2 < rng.uniform(1, 5)] -= 0.3
    img[mask] += 0.35
    return img.astype("float32"), mask.astype("float32")


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, x):
        if torch.rand(1).item() < self.p:
            x = torch.flip(x, [-1])
        if torch.rand(1).item() < self.p:
            x = torch.flip(x, [-2])
        return x


class LesionSet(Dataset):
    def __init__(self, n, rng, transform=None):
        pairs = [phantom(rng) for _ in range(n)]
        self.images = torch.tensor(np.stack([p[0] for p in pairs]))[:, None]
        self.masks = torch.tensor(np.stack([p[1] for p in pairs]))[:, None]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.transform is not None:
            image = self.transform(image)
            mask = self.transform(mask)
        return image, mask


def double_conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.d1, self.d2, self.mid = double_conv(1, w), double_conv(w, 2 * w), double_conv(2 * w, 4 * w)
        self.up2 = nn.ConvTranspose2d(4 * w, 2 * w, 2, 2)
        self.u2 = double_conv(4 * w, 2 * w)
        self.up1 = nn.ConvTranspose2d(2 * w, w, 2, 2)
        self.u1 = double_conv(2 * w, w)
        self.final = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.mid(F.max_pool2d(b, 2))
        y = self.u2(torch.cat([self.up2(c), b], 1))
        y = self.u1(torch.cat([self.up1(y), a], 1))
        return self.final(y)


def dice(p, m):
    inter = (p * m).sum((1, 2, 3))
    return ((2 * inter + 1) / (p.sum((1, 2, 3)) + m.sum((1, 2, 3)) + 1)).mean()


rng = np.random.default_rng(SEED)
train = DataLoader(LesionSet(240, rng, RandomFlip()), batch_size=16, shuffle=True)
test = LesionSet(150, rng)
net = UNet()
optim = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(11):
    net.train()
    running = 0.0
    for img, msk in train:
        optim.zero_grad()
        out = net(img)
        loss = F.binary_cross_entropy_with_logits(out, msk) + 1 - dice(torch.sigmoid(out), msk)
        loss.backward()
        optim.step()
        running += loss.item()
    if epoch % 3 == 0:
        print("epoch %d  bce+dice %.3f" % (epoch, running / len(train)))
net.eval()
with torch.no_grad():
    pred = (net(test.images) > 0).float()
    print("Dice on test slices (higher is better)")
    print("score: %.4f" % dice(pred, test.masks).item())
