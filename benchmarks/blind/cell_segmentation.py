"""Tiny U-Net on synthetic microscope images; images and masks are kept in separate folders/datasets."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

S = 32


class Slides:
    def __init__(self, n, gen):
        yy, xx = torch.meshgrid(torch.arange(S), torch.arange(S), indexing="ij")
        self.images, self.masks = [], []
        for _ in range(n):
            img = torch.rand(1, generator=gen) * 0.3 + 0.1 * torch.randn(S, S, generator=gen)
            mask = torch.zeros(S, S)
            for _ in range(int(torch.randint(2, 5, (1,), generator=gen))):
                c = torch.rand(2, generator=gen) * (S - 8) + 4
                r = torch.rand(1, generator=gen) * 3 + 2.5
                d = ((yy - c[0]) ** 2 + (xx - c[1]) ** 2).sqrt()
                img = img + (0.5 + 0.3 * torch.rand(1, generator=gen)) * torch.sigmoid((r - d) * 2)
                mask = torch.maximum(mask, (d < r).float())
            dust = torch.rand(S, S, generator=gen) < 0.01
            img[dust] += 0.8
            self.images.append(img[None])
            self.masks.append(mask[None])


class FolderDataset(Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return self.files[i]


class PairDataset(Dataset):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __len__(self):
        return len(self.a)

    def __getitem__(self, i):
        return self.a[i], self.b[i]


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.d1, self.d2, self.u1 = conv(1, w), conv(w, 2 * w), conv(3 * w, w)
        self.out = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        b = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.out(self.u1(torch.cat([a, b], 1)))


def batches(slides, bs):
    images, masks = FolderDataset(slides.images), FolderDataset(slides.masks)
    image_loader = DataLoader(images, batch_size=bs, shuffle=True)
    mask_loader = DataLoader(masks, batch_size=bs, shuffle=True)
    yield from zip(image_loader, mask_loader)


def iou(model, slides):
    model.eval()
    with torch.no_grad():
        p = model(torch.stack(slides.images)) > 0
    t = torch.stack(slides.masks) > 0.5
    return ((p & t).sum() / (p | t).sum().clamp(min=1)).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    train, test = Slides(400, gen), Slides(100, gen)
    model = UNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(8):
        model.train()
        tot = n = 0
        for img, mask in batches(train, 16):
            optimizer.zero_grad()
            loss = criterion(model(img), mask)
            loss.backward()
            optimizer.step()
            tot, n = tot + loss.item(), n + 1
        print(f"epoch {epoch} bce {tot / n:.4f} iou {iou(model, test):.3f}")
    print(f"test IoU {iou(model, test):.4f}")


main()
