import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def citation_graph(seed, n=1200, classes=6, vocab=200):
    """Papers of a few fields; each cites mostly its own field, and its words tell the field only weakly."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    edges = []
    for v in range(20, n):
        for _ in range(rng.integers(2, 6)):
            if rng.random() < 0.85:
                pool = np.flatnonzero(y[:v] == y[v])
            else:
                pool = np.arange(v)
            if len(pool):
                edges.append((v, int(rng.choice(pool))))
    topic = rng.dirichlet(np.full(vocab, 0.5), classes)
    common = rng.dirichlet(np.full(vocab, 0.5))
    x = np.stack([rng.multinomial(18, 0.2 * topic[c] + 0.8 * common) for c in y])
    return np.log1p(x).astype(np.float32), y, edges


def build_edge_index(edges, n):
    edge_index = torch.tensor(edges, dtype=torch.long).view(2, -1)
    edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    loops = torch.arange(n).repeat(2, 1)
    return torch.cat([edge_index, loops], dim=1)


class GCNConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o, bias=False)
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.lin.weight)

    def forward(self, x, edge_index):
        src, dst = edge_index
        deg = torch.zeros(x.size(0)).index_add_(0, dst, torch.ones(dst.size(0))).clamp(min=1)
        norm = deg[src].rsqrt() * deg[dst].rsqrt()
        h = self.lin(x)
        return torch.zeros_like(h).index_add_(0, dst, h[src] * norm[:, None]) + self.bias


class GCN(nn.Module):
    def __init__(self, i, hidden, o, dropout=0.5):
        super().__init__()
        self.c1, self.c2 = GCNConv(i, hidden), GCNConv(hidden, o)
        self.dropout = dropout

    def forward(self, x, edge_index):
        x = F.dropout(x, self.dropout, self.training)
        x = F.relu(self.c1(x, edge_index))
        x = F.dropout(x, self.dropout, self.training)
        return self.c2(x, edge_index)


def split(y, rng, per_class=25):
    train = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:per_class] for c in np.unique(y)])
    rest = rng.permutation(np.setdiff1d(np.arange(len(y)), train))
    return torch.from_numpy(train), torch.from_numpy(rest[:300]), torch.from_numpy(rest[300:])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--hidden", type=int, default=32)
    ap.add_argument("--epochs", type=int, default=200)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, y, edges = citation_graph(args.seed)
    train, val, test = split(y, np.random.default_rng(args.seed + 1))
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    x = x / x.sum(1, keepdim=True).clamp(min=1e-6)
    edge_index = build_edge_index(edges, len(x))

    model = GCN(x.size(1), args.hidden, int(y.max()) + 1)
    opt = torch.optim.Adam([
        {"params": model.c1.parameters(), "weight_decay": 5e-4},
        {"params": model.c2.parameters(), "weight_decay": 0.0},
    ], lr=0.02)
    best_val = best_test = 0.0
    for epoch in range(args.epochs):
        model.train()
        loss = F.cross_entropy(model(x, edge_index)[train], y[train])
        opt.zero_grad()
        loss.backward()
        opt.step()
        model.eval()
        with torch.no_grad():
            hit = (model(x, edge_index).argmax(1) == y).float()
        if hit[val].mean() > best_val:
            best_val, best_test = hit[val].mean().item(), hit[test].mean().item()
        if epoch % 50 == 0:
            print(f"epoch {epoch} loss {loss.item():.3f} val {hit[val].mean():.3f}")
    print(f"test accuracy {best_test:.3f}")


if __name__ == "__main__":
    main()
