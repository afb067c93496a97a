import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


def simulate_log(n_users, n_items, seed):
    """Users draw items from their taste clusters; ids are assigned in order of registration."""
    rng = np.random.default_rng(seed)
    k = 12
    user_taste = rng.dirichlet(np.full(k, 0.12), n_users)
    item_topic = rng.dirichlet(np.full(k, 0.08), n_items)
    appeal = rng.lognormal(0, 0.8, n_items)
    train, test = [], np.zeros(n_users, dtype=np.int64)
    for u in range(n_users):
        p = (item_topic @ user_taste[u]) ** 3 * appeal
        liked = rng.choice(n_items, size=rng.integers(14, 28), replace=False, p=p / p.sum())
        test[u] = liked[-1]
        train += [(u, i) for i in liked[:-1]]
    return np.array(train, dtype=np.int64), test


class PairDataset(Dataset):
    def __init__(self, pairs, n_users, n_items):
        self.pairs = torch.from_numpy(pairs)
        self.n_users, self.n_items = n_users, n_items
        self.seen = [set() for _ in range(n_users)]
        for u, i in pairs:
            self.seen[u].add(int(i))

    def __len__(self):
        return len(self.pairs)

    def sample_negative(self, user):
        while True:
            j = int(torch.randint(self.n_users, (1,)))
            if j not in self.seen[user]:
                return j

    def __getitem__(self, idx):
        u, i = self.pairs[idx]
        return u, i, self.sample_negative(int(u))


class MatrixFactorisation(nn.Module):
    def __init__(self, n_users, n_items, dim=16):
        super().__init__()
        self.user = nn.Embedding(n_users, dim)
        self.item = nn.Embedding(n_items, dim)
        self.item_bias = nn.Embedding(n_items, 1)
        for e in (self.user, self.item):
            nn.init.normal_(e.weight, std=0.1)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, u, i):
        return (self.user(u) * self.item(i)).sum(-1) + self.item_bias(i).squeeze(-1)

    def all_scores(self):
        return self.user.weight @ self.item.weight.T + self.item_bias.weight.T


class Trainer:
    def __init__(self, model, dataset, test_items, lr=0.01, reg=1e-3, batch_size=256):
        self.model, self.data, self.test = model, dataset, torch.from_numpy(test_items)
        self.loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)
        self.reg = reg

    def epoch(self):
        self.model.train()
        total = 0.0
        for u, i, j in self.loader:
            margin = self.model(u, i) - self.model(u, j)
            l2 = self.model.user(u).pow(2).sum(-1) + self.model.item(i).pow(2).sum(-1) + self.model.item(j).pow(2).sum(-1)
            loss = -F.logsigmoid(margin).mean() + self.reg * l2.mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            total += loss.item()
        return total / len(self.loader)

    @torch.no_grad()
    def hit_rate(self, k=20):
        scores = self.model.all_scores()
        for u, items in enumerate(self.data.seen):
            scores[u, list(items)] = -float("inf")
        top = scores.topk(k, dim=1).indices
        return (top == self.test[:, None]).any(1).float().mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--users", type=int, default=240)
    ap.add_argument("--items", type=int, default=900)
    ap.add_argument("--epochs", type=int, default=25)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    pairs, test_items = simulate_log(args.users, args.items, args.seed)
    data = PairDataset(pairs, args.users, args.items)
    trainer = Trainer(MatrixFactorisation(args.users, args.items), data, test_items)
    for e in range(args.epochs):
        loss = trainer.epoch()
        if e % 5 == 4:
            print(f"epoch {e + 1}: loss {loss:.4f} HR@20 {trainer.hit_rate():.3f}")
    print(f"final HR@20 {trainer.hit_rate():.4f}")
