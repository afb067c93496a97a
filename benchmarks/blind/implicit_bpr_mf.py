"""BPR matrix factorisation on implicit feedback with popularity and taste structure."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Interactions:
    def __init__(self, n_users=400, n_items=300, k=5, rng=None):
        self.n_users, self.n_items = n_users, n_items
        genre = rng.dirichlet(np.ones(k) * 0.25, n_items)
        taste = rng.dirichlet(np.ones(k) * 0.35, n_users)
        pop = rng.zipf(1.6, n_items).clip(1, 40) ** 0.5
        score = (taste @ genre.T) ** 1.6 * pop
        self.train, self.test = [], []
        for u in range(n_users):
            p = score[u] / score[u].sum()
            n = int(rng.integers(12, 30))
            it = rng.choice(n_items, n, replace=False, p=p)
            cut = max(3, n // 5)
            self.test.append(set(it[:cut].tolist()))
            self.train.append(set(it[cut:].tolist()))
        self.pairs = np.array([(u, i) for u in range(n_users) for i in self.train[u]])

    def sample(self, size, rng):
        rows = self.pairs[rng.integers(0, len(self.pairs), size)]
        neg = rng.integers(0, self.n_items, size)
        for j in range(size):
            while neg[j] in self.train[rows[j, 0]]:
                neg[j] = rng.integers(0, self.n_items)
        return torch.from_numpy(rows[:, 0]), torch.from_numpy(rows[:, 1]), torch.from_numpy(neg)


class BPRMF(nn.Module):
    def __init__(self, n_users, n_items, dim=64):
        super().__init__()
        self.user = nn.Embedding(n_users, dim)
        self.item = nn.Embedding(n_items, dim)
        self.bias = nn.Embedding(n_items, 1)

    def forward(self, u, i):
        return (self.user(u) * self.item(i)).sum(-1) + self.bias(i).squeeze(-1)

    @torch.no_grad()
    def rank(self):
        return self.user.weight @ self.item.weight.T + self.bias.weight.T


def recall_at(model, data, k=20):
    s = model.rank()
    rec = []
    for u in range(data.n_users):
        row = s[u].clone()
        row[list(data.train[u])] = -float("inf")
        top = set(row.topk(k).indices.tolist())
        rec.append(len(top & data.test[u]) / len(data.test[u]))
    return float(np.mean(rec))


def train(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    data = Interactions(rng=rng)
    model = BPRMF(data.n_users, data.n_items)
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    for step in range(args.steps):
        u, i, j = data.sample(256, rng)
        loss = -F.logsigmoid(model(u, i) - model(u, j)).mean()
        reg = (model.user(u).pow(2).sum(1) + model.item(i).pow(2).sum(1) + model.item(j).pow(2).sum(1)).mean()
        loss = loss + args.reg * reg
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.4f} recall@20 {recall_at(model, data):.4f}")
    print(f"recall@20 {recall_at(model, data):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--reg", type=float, default=2e-3)
    ap.add_argument("--steps", type=int, default=800)
    torch.set_num_threads(1)
    train(ap.parse_args())
