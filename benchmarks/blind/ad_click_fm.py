"""Click-through prediction with a factorization machine over categorical fields."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
FIELD_DIMS = [60, 80, 24, 7, 12, 30]


def simulate(n, seed):
    world = np.random.default_rng(11)
    vecs = [world.normal(0, 1, (d, 4)) for d in FIELD_DIMS]
    bias = [world.normal(0, 0.4, d) for d in FIELD_DIMS]
    pair = np.triu(world.random((6, 6)) < 0.45, 1) * 0.55
    rng = np.random.default_rng(seed)
    x = np.stack([np.minimum((d * rng.beta(1, 1.6, n)).astype(int), d - 1) for d in FIELD_DIMS], 1)
    score = sum(bias[f][x[:, f]] for f in range(6)) - 1.0
    for a in range(6):
        for b in range(a + 1, 6):
            if pair[a, b]:
                score = score + pair[a, b] * (vecs[a][x[:, a]] * vecs[b][x[:, b]]).sum(1)
    y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y)


class FeaturesLinear(nn.Module):
    def __init__(self, field_dims):
        super().__init__()
        self.fc = nn.Embedding(sum(field_dims), 1)
        self.bias = nn.Parameter(torch.zeros(1))
        nn.init.zeros_(self.fc.weight)

    def forward(self, x):
        return self.fc(x).sum(1) + self.bias


class FactorizationMachine(nn.Module):
    def __init__(self, field_dims, k=8):
        super().__init__()
        self.linear = FeaturesLinear(field_dims)
        self.embedding = nn.Embedding(sum(field_dims), k)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, x):
        v = self.embedding(x)
        interaction = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(1, keepdim=True)
        return (self.linear(x) + interaction).squeeze(1)


class EarlyStopper:
    def __init__(self, patience):
        self.patience, self.best, self.left = patience, 0.0, patience

    def keep_going(self, value):
        if value > self.best:
            self.best, self.left = value, self.patience
            return True
        self.left -= 1
        return self.left > 0


def auc(model, x, y):
    with torch.no_grad():
        return roc_auc_score(y.numpy(), model(x).numpy())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, y = simulate(40_000, 100 + args.seed)
    vx, vy = simulate(8_000, 5)
    loader = DataLoader(TensorDataset(x, y), batch_size=256, shuffle=True)
    model = FactorizationMachine(FIELD_DIMS)
    opt = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-6)
    crit = nn.BCEWithLogitsLoss()
    stopper = EarlyStopper(3)
    for epoch in range(8):
        tot = 0.0
        for bx, by in loader:
            loss = crit(model(bx), by)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        a = auc(model, vx, vy)
        print(f"epoch {epoch} logloss {tot / len(loader):.4f} auc {a:.4f}")
        if not stopper.keep_going(a):
            break
    print(f"best held-out AUC {stopper.best:.4f}")


if __name__ == "__main__":
    main()
