"""Single-object detector: predicts class and box of a vehicle-like shape in a cluttered image."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

SIZE = 32


class Scenes(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.data = [self.draw(rng) for _ in range(n)]

    @staticmethod
    def draw(rng):
        img = rng.normal(0.4, 0.08, (3, SIZE, SIZE)) + np.linspace(0, 0.2, SIZE)[None, :, None]
        for _ in range(rng.integers(2, 5)):
            y, x = rng.integers(0, SIZE - 3, 2)
            img[:, y:y + 2, x:x + 3] += rng.uniform(-0.2, 0.2)
        cls = int(rng.integers(0, 3))
        h, w = [(6, 10), (9, 14), (10, 5)][cls]
        h, w = h + int(rng.integers(-1, 3)), w + int(rng.integers(-1, 3))
        y, x = int(rng.integers(0, SIZE - h)), int(rng.integers(0, SIZE - w))
        color = rng.uniform(0.6, 1.0, 3) * np.array([[1, .3, .3], [.3, .4, 1], [.3, 1, .3]])[rng.integers(0, 3)]
        img[:, y:y + h, x:x + w] = color[:, None, None] + rng.normal(0, 0.05, (3, h, w))
        box = np.array([x, y, x + w, y + h], np.float32)
        return img.astype(np.float32), cls, box

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        img, cls, box = self.data[i]
        return torch.from_numpy(img) - 0.5, cls, torch.from_numpy(box)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        c = [3, 16, 24, 32]
        self.backbone = nn.Sequential(*[
            nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.ReLU(inplace=True)) for i, o in zip(c, c[1:])
        ], nn.Flatten())
        self.shared = nn.Sequential(nn.Linear(32 * 16, 64), nn.ReLU(inplace=True))
        self.cls_head = nn.Linear(64, 3)
        self.box_head = nn.Sequential(nn.Linear(64, 4), nn.Sigmoid())

    def forward(self, x):
        h = self.shared(self.backbone(x))
        return self.cls_head(h), self.box_head(h)


def iou(a, b):
    lt, rb = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(1)
    area = lambda z: (z[:, 2:] - z[:, :2]).clamp(min=0).prod(1)
    return inter / (area(a) + area(b) - inter + 1e-6)


def train(model, loader, epochs, lr):
    ce, l1 = nn.CrossEntropyLoss(), nn.SmoothL1Loss(beta=0.05)
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        model.train()
        sums = np.zeros(2)
        for img, cls, box in loader:
            logits, pred = model(img)
            lc, lb = ce(logits, cls), l1(pred, box)
            loss = lc + 5.0 * lb
            opt.zero_grad()
            loss.backward()
            opt.step()
            sums += lc.item(), lb.item()
        print(f"epoch {epoch} cls {sums[0] / len(loader):.4f} box {sums[1] / len(loader):.4f}")


def evaluate(model, loader):
    model.eval()
    scores = []
    with torch.no_grad():
        for img, cls, box in loader:
            _, pred = model(img)
            scores.append(iou(pred * SIZE, box))
    return torch.cat(scores).mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=14)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    tr = DataLoader(Scenes(1200, args.seed), 32, shuffle=True)
    te = DataLoader(Scenes(300, args.seed + 5000), 100)
    net = Detector()
    train(net, tr, args.epochs, 2e-3)
    print(f"mean IoU: {evaluate(net, te):.4f}")
