"""Semi-supervised node classification with a two-layer GCN on a synthetic citation graph."""
import argparse
import numpy as np
import torch
import torch.nn.functional as F
from torch.nn import Linear, Module, Parameter


def make_graph(rng, n=900, k=5, vocab=120, deg=6, homophily=0.85):
    y = rng.integers(0, k, n)
    topic = rng.dirichlet(np.full(vocab, 0.35), size=k)
    common = rng.dirichlet(np.full(vocab, 1.0))
    x = np.zeros((n, vocab), np.float32)
    for i in range(n):
        p = 0.15 * topic[y[i]] + 0.85 * common
        for w in rng.choice(vocab, 18, p=p):
            x[i, w] = 1
    by_class = [np.flatnonzero(y == c) for c in range(k)]
    edges = set()
    while len(edges) < n * deg // 2:
        a = rng.integers(n)
        if rng.random() < homophily:
            b = rng.choice(by_class[y[a]])
        else:
            b = rng.integers(n)
        if a != b:
            edges.add((int(min(a, b)), int(max(a, b))))
    edges = sorted(edges)
    edges = sorted(edges + [(b, a) for a, b in edges])
    return torch.from_numpy(x), torch.from_numpy(y), torch.tensor(edges)


def gcn_norm(edge_index, n):
    loops = torch.arange(n)
    edge_index = torch.cat([edge_index, torch.stack([loops, loops])], 1)
    row, col = edge_index
    deg = torch.bincount(col, minlength=n).float()
    w = deg[row].rsqrt() * deg[col].rsqrt()
    w[torch.isinf(w)] = 0
    return edge_index, w


class GCNConv(Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = Linear(i, o, bias=False)
        self.bias = Parameter(torch.zeros(o))

    def forward(self, x, edge_index, weight):
        x = self.lin(x)
        src, dst = edge_index
        out = torch.zeros_like(x)
        out.index_add_(0, dst, x[src] * weight[:, None])
        return out + self.bias


class GCN(Module):
    def __init__(self, f, h, c):
        super().__init__()
        self.conv1, self.conv2 = GCNConv(f, h), GCNConv(h, c)

    def forward(self, x, ei, w):
        x = F.dropout(x, 0.3, self.training)
        x = F.relu(self.conv1(x, ei, w))
        x = F.dropout(x, 0.5, self.training)
        return self.conv2(x, ei, w)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=200)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)

    x, y, edges = make_graph(rng)
    n = len(y)
    edge_index = edges.reshape(2, -1)
    edge_index, weight = gcn_norm(edge_index, n)
    x = x / x.sum(1, keepdim=True).clamp(min=1)

    perm = torch.from_numpy(rng.permutation(n))
    train, val, test = perm[:200], perm[200:400], perm[400:]
    model = GCN(x.shape[1], 32, int(y.max()) + 1)
    opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    best, best_test = 0.0, 0.0
    for epoch in range(a.epochs):
        model.train()
        opt.zero_grad()
        out = model(x, edge_index, weight)
        loss = F.cross_entropy(out[train], y[train])
        loss.backward()
        opt.step()
        model.eval()
        with torch.no_grad():
            pred = model(x, edge_index, weight).argmax(1)
        acc = lambda m: (pred[m] == y[m]).float().mean().item()
        if acc(val) >= best:
            best, best_test = acc(val), acc(test)
        if epoch % 25 == 0:
            print(f"{epoch:3d} loss {loss.item():.4f} train {acc(train):.3f} val {acc(val):.3f}")
    print(f"test accuracy: {best_test:.4f}")


main()
