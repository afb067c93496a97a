"""Two-layer GCN on a citation-like graph; propagation rule from a NumPy implementation of Kipf & Welling."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def citation_graph(rng, n=900, classes=6, words=200):
    y = rng.integers(0, classes, n)
    popularity = rng.pareto(1.6, n) + 0.3
    topics = rng.random((classes, words)) < 0.12
    rate = np.where(topics[y], 0.075, 0.03)
    x = (rng.random((n, words)) < rate).astype("float32")
    src, dst = [], []
    for i in range(n):
        for _ in range(rng.integers(1, 4)):
            same = rng.random() < 0.82
            w = popularity * ((y == y[i]) if same else (y != y[i]))
            w[i] = 0
            src.append(i)
            dst.append(rng.choice(n, p=w / w.sum()))
    a = np.zeros((n, n), dtype="float32")
    a[src, dst] = 1
    a[dst, src] = 1
    return torch.from_numpy(a), torch.from_numpy(x), torch.from_numpy(y)


def normalize(a):
    a = a + torch.eye(len(a))
    d = a.sum(1).pow(0.5)
    return d[:, None] * a * d[None, :]


class GCN(nn.Module):
    def __init__(self, n_in, hidden, n_out, dropout=0.5):
        super().__init__()
        self.w1, self.w2 = nn.Linear(n_in, hidden), nn.Linear(hidden, n_out)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, self.training)
        h = F.relu(adj @ self.w1(x))
        h = F.dropout(h, self.dropout, self.training)
        return adj @ self.w2(h)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=200)
    ap.add_argument("--hidden", type=int, default=16)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    a, x, y = citation_graph(rng)
    x = x / x.sum(1, keepdim=True).clamp(min=1)
    adj = normalize(a)
    perm = torch.from_numpy(rng.permutation(len(y)))
    tr, te = perm[:120], perm[300:]
    model = GCN(x.shape[1], args.hidden, 6)
    opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for ep in range(args.epochs):
        model.train()
        opt.zero_grad()
        loss = F.cross_entropy(model(x, adj)[tr], y[tr])
        loss.backward()
        opt.step()
        if ep % 40 == 0:
            print(f"epoch {ep} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        acc = (model(x, adj)[te].argmax(1) == y[te]).float().mean().item()
    print(f"test accuracy {acc:.4f}")


if __name__ == "__main__":
    main()
