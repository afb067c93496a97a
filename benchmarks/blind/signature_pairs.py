"""Verification of pen strokes: a siamese encoder says whether two signatures come from the same writer."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Writers:
    def __init__(self, n, rng, length=48):
        self.freq = np.array([0.7, 1.3, 2.0, 2.8]) + rng.uniform(-0.3, 0.3, (n, 4))
        self.phase = rng.uniform(0, 2 * np.pi, (n, 4))
        self.amp = rng.normal(0, 1, (1, 2, 4)) + rng.normal(0, 0.7, (n, 2, 4))
        self.n, self.length = n, length

    def sign(self, w, rng):
        t = np.linspace(0, 2 * np.pi, self.length) * rng.uniform(0.95, 1.05) + rng.normal(0, 0.08)
        waves = np.sin(self.freq[w][:, None] * t + self.phase[w][:, None] + rng.normal(0, 0.15, (4, 1)))
        xy = (self.amp[w] * (1 + 0.1 * rng.normal(size=(2, 4)))) @ waves
        xy += 0.25 * rng.normal(size=xy.shape)
        return ((xy - xy.mean(1, keepdims=True)) / (xy.std() + 1e-6)).astype(np.float32)


class PairData(Dataset):
    def __init__(self, n_pairs, n_writers, rng):
        writers = Writers(n_writers, rng)
        a, b, y = [], [], []
        for _ in range(n_pairs):
            same = int(rng.random() < 0.5)
            i = int(rng.integers(n_writers))
            j = i if same else int((i + rng.integers(1, n_writers)) % n_writers)
            a.append(writers.sign(i, rng))
            b.append(writers.sign(j, rng))
            y.append(same)
        self.a, self.b = torch.from_numpy(np.stack(a)), torch.from_numpy(np.stack(b))
        self.y = torch.tensor(y, dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.a[i], self.b[i], self.y[i]


class Encoder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.c1 = nn.Conv1d(2, 24, 5, stride=2, padding=2)
        self.c2 = nn.Conv1d(24, 48, 5, stride=2, padding=2)
        self.fc = nn.Linear(48 * 12, 64)
        self.out = nn.Linear(64, dim)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        return self.out(F.relu(self.fc(x.flatten(1))))


@torch.no_grad()
def verify(net, loader, threshold):
    net.eval()
    s, y = [], []
    for a, b, t in loader:
        s.append(F.cosine_similarity(net(a), net(b)))
        y.append(t)
    return ((torch.cat(s) > threshold).float() == torch.cat(y)).float().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--margin", type=float, default=0.3)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train = DataLoader(PairData(4000, 150, rng), batch_size=64, shuffle=True)
    test = DataLoader(PairData(1000, 60, rng), batch_size=250)
    net = Encoder()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.CosineEmbeddingLoss(margin=args.margin)
    print(f"accuracy before training {verify(net, test, 0.65):.4f}")
    for epoch in range(args.epochs):
        net.train()
        total = 0.0
        for a, b, y in train:
            loss = criterion(net(a), net(b), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train):.5f} accuracy {verify(net, test, 0.65):.4f}")
    print(f"test accuracy on unseen writers {verify(net, test, 0.65):.4f}")


if __name__ == "__main__":
    main()
