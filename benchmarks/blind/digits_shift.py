"""Digit classifier for the meter-reading project.

The labelled set is small, so every image gets shifted copies.
"""
import os
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.set_num_threads(1)
CFG = dict(epochs=14, bs=64, lr=1e-3, n_copies=3)


def seed_all():
    s = int(os.environ.get("SEED", "0"))
    np.random.seed(s)
    torch.manual_seed(s)
    return s


def shifted(img, rng):
    dy, dx = rng.integers(-1, 2, size=2)
    padded = np.pad(img, 1)
    return padded[1 + dy:9 + dy, 1 + dx:9 + dx]


def enlarge(images, labels, copies, rng):
    """originals followed by `copies` passes of shifted images"""
    parts = [images]
    for _ in range(copies):
        parts.append(np.stack([shifted(im, rng) for im in images]))
    return np.concatenate(parts), np.repeat(labels, copies + 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


def main():
    s = seed_all()
    rng = np.random.default_rng(s)
    d = load_digits()
    images = d.images.astype(np.float32) / 16.0
    tr_x, te_x, tr_y, te_y = train_test_split(images, d.target, test_size=0.5, random_state=s,
                                              stratify=d.target)
    tr_x, tr_y = enlarge(tr_x, tr_y, CFG["n_copies"], rng)
    tr_x = torch.tensor(tr_x).unsqueeze(1)
    te_x = torch.tensor(te_x).unsqueeze(1)
    tr_y, te_y = torch.tensor(tr_y), torch.tensor(te_y)
    print("train", tuple(tr_x.shape), tuple(tr_y.shape))

    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=CFG["lr"])
    for ep in range(CFG["epochs"]):
        net.train()
        order = torch.randperm(len(tr_x))
        tot = 0.0
        for i in range(0, len(order), CFG["bs"]):
            idx = order[i:i + CFG["bs"]]
            loss = F.cross_entropy(net(tr_x[idx]), tr_y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        if ep % 3 == 0:
            print(f"ep {ep}: loss {tot / len(order):.4f} test acc {accuracy(net, te_x, te_y):.4f}")
    print(f"score: {accuracy(net, te_x, te_y):.4f}")


if __name__ == "__main__":
    main()
