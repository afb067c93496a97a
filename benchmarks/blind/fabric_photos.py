"""Texture classification from uint8 RGB images with a small ResNet-like net."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


def make_images(n, rng, side=20):
    yy, xx = np.mgrid[:side, :side]
    imgs = np.zeros((n, side, side, 3), np.uint8)
    labels = rng.integers(0, 4, n)
    for k, c in enumerate(labels):
        f, ph = rng.uniform(0.8, 1.4), rng.uniform(0, 6.28)
        if c == 0:
            p = np.sin(f * xx + ph)
        elif c == 1:
            p = np.sin(f * yy + ph)
        elif c == 2:
            p = np.sin(f * xx + ph) * np.sin(f * yy + ph)
        else:
            p = np.sin(f * 0.7 * (xx + yy) + ph)
        base = rng.uniform(80, 170, 3)
        img = base + rng.uniform(20, 60) * p[..., None] + rng.normal(0, 25, (side, side, 3))
        imgs[k] = np.clip(img, 0, 255)
    return imgs, labels


class ToTensor:
    def __call__(self, img):
        t = torch.from_numpy(img).permute(2, 0, 1).float()
        return t / 255


class Standardise:
    def __init__(self, mean=(0.49, 0.49, 0.49), std=(0.19, 0.19, 0.19)):
        self.mean, self.std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)

    def __call__(self, t):
        return (t - self.mean) / self.std


class Compose:
    def __init__(self, *ts):
        self.ts = ts

    def __call__(self, x):
        for t in self.ts:
            x = t(x)
        return x


class Fabric(Dataset):
    def __init__(self, n, rng):
        self.imgs, self.labels = make_images(n, rng)
        self.transform = Compose(ToTensor(), Standardise())

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(self.imgs[i] / 255.0), int(self.labels[i])


class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return F.relu(x + self.b(F.relu(self.a(x))))


class FabricNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, stride=2, padding=1)
        self.res = Res(12)
        self.fc = nn.Linear(12 * 25, 4)

    def forward(self, x):
        x = F.max_pool2d(self.res(F.relu(self.stem(x))), 2)
        return self.fc(x.flatten(1))


def get_optimizer(net):
    return torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=0.5)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train, test = Fabric(1600, rng), Fabric(400, rng)
    tl, vl = DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=200)
    net = FabricNet()
    opt = get_optimizer(net)
    for ep in range(7):
        net.train()
        run = 0.0
        for x, y in tl:
            opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
            run += loss.item()
        net.eval()
        with torch.no_grad():
            acc = sum((net(x).argmax(1) == y).sum().item() for x, y in vl) / len(test)
        print(f"epoch {ep + 1} loss {run / len(tl):.4f} val acc {acc:.4f}")
    print(f"val acc {acc:.4f}")


main()
