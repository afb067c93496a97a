import argparse
import torch
import torch.nn as nn
import torch.optim as optim

N_CLASSES, SIDE = 4, 24


def scenes(n, g):
    """4 bands; Voronoi fields of water / forest / crop / urban with spectral noise"""
    spectra = torch.tensor([[0.1, 0.2, 0.1, 0.05], [0.1, 0.3, 0.1, 0.7], [0.3, 0.4, 0.3, 0.5], [0.5, 0.45, 0.45, 0.4]])
    yy, xx = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    pts = torch.rand(n, 6, 2, generator=g) * SIDE
    kinds = torch.randint(0, N_CLASSES, (n, 6), generator=g)
    d = (yy[None, None] - pts[..., 0, None, None]) ** 2 + (xx[None, None] - pts[..., 1, None, None]) ** 2
    owner = d.argmin(1)
    label = kinds.gather(1, owner.flatten(1)).view(n, SIDE, SIDE)
    img = spectra[label].permute(0, 3, 1, 2) + 0.15 * torch.randn(n, 4, SIDE, SIDE, generator=g)
    img = img * (0.8 + 0.4 * torch.rand(n, 1, 1, 1, generator=g))
    return (img - 0.3) / 0.25, label


class FCN(nn.Module):
    def __init__(self, c_in=4, w=16):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c_in, w, 3, padding=1), nn.ReLU(),
            nn.Conv2d(w, w, 3, padding=2, dilation=2), nn.ReLU(),
            nn.Conv2d(w, w, 3, padding=1), nn.ReLU())
        self.classifier = nn.Conv2d(w, N_CLASSES, 1)

    def forward(self, x):
        return self.classifier(self.body(x))


def flatten_pixels(logits, labels):
    n, c, h, w = logits.shape
    return logits.reshape(-1, c), labels.reshape(-1)


def train_one_epoch(net, opt, crit, imgs, labels, bs):
    net.train()
    total, steps = 0.0, 0
    for idx in torch.randperm(len(imgs)).split(bs):
        opt.zero_grad()
        loss = crit(*flatten_pixels(net(imgs[idx]), labels[idx]))
        loss.backward()
        opt.step()
        total += loss.item()
        steps += 1
    return total / steps


def pixel_accuracy(net, imgs, labels):
    net.eval()
    with torch.no_grad():
        return (net(imgs).argmax(1) == labels).float().mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed + 100)
    xtr, ytr = scenes(300, g)
    xte, yte = scenes(80, g)
    net = FCN()
    optimizer = optim.Adam(net.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(12):
        l = train_one_epoch(net, optimizer, criterion, xtr, ytr, 15)
        print(f"epoch {epoch + 1}: loss {l:.4f}, pixel acc {pixel_accuracy(net, xte, yte):.4f}")
    print(f"pixel accuracy {pixel_accuracy(net, xte, yte):.4f}")
