"""Siamese verification: are two 8x8 digit images of the same class?"""
import argparse
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score


class PairDataset(Dataset):
    def __init__(self, images, labels, n_pairs, rng, noise=0.0):
        self.images, self.noise = images, noise
        by = {c: np.flatnonzero(labels == c) for c in np.unique(labels)}
        classes = list(by)
        self.pairs = []
        for k in range(n_pairs):
            if k % 2 == 0:
                c = rng.choice(classes)
                i, j = rng.choice(by[c], 2, replace=False)
                self.pairs.append((i, j, 1.0))
            else:
                a, b = rng.choice(classes, 2, replace=False)
                self.pairs.append((rng.choice(by[a]), rng.choice(by[b]), 0.0))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        i, j, same = self.pairs[k]
        a, b = self.images[i], self.images[j]
        if self.noise:
            a, b = a + self.noise * torch.randn_like(a), b + self.noise * torch.randn_like(b)
        return a, b, torch.tensor(same)


class EmbeddingNet(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.PReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.PReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(128, 64), nn.PReLU(), nn.Linear(64, dim))

    def forward(self, x):
        return self.net(x)


class SiameseTrainer:
    def __init__(self, lr=2e-3, margin=0.3):
        self.model = EmbeddingNet()
        self.criterion = nn.CosineEmbeddingLoss(margin=margin)
        self.optimizer = optim.AdamW(self.model.parameters(), lr=lr)

    def fit(self, loader, epochs):
        for epoch in range(1, epochs + 1):
            self.model.train()
            losses = []
            for a, b, same in loader:
                za, zb = self.model(a), self.model(b)
                loss = self.criterion(za, zb, same)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            print(f"epoch {epoch} loss {np.mean(losses):.4f}")

    @torch.no_grad()
    def auc(self, loader):
        self.model.eval()
        score, truth = [], []
        for a, b, same in loader:
            score += torch.cosine_similarity(self.model(a), self.model(b)).tolist()
            truth += (same > 0).int().tolist()
        return roc_auc_score(truth, score)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=8)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16 - 0.3
    perm = rng.permutation(len(x))
    tr, te = perm[:1300], perm[1300:]
    train = PairDataset(x[tr], d.target[tr], 3000, rng, noise=0.1)
    test = PairDataset(x[te], d.target[te], 1000, rng)
    t = SiameseTrainer()
    t.fit(DataLoader(train, 64, shuffle=True), args.epochs)
    print(f"verification AUC: {t.auc(DataLoader(test, 200)):.4f}")


if __name__ == "__main__":
    main()
