"""GIN on ring/chain 'molecules', with hand-written mini-batching of graphs."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Graph:
    __slots__ = ("x", "edge_index", "y")

    def __init__(self, x, edge_index, y):
        self.x, self.edge_index, self.y = x, edge_index, y


def random_molecule(rng):
    n = int(rng.integers(9, 18))
    edges = [(i, int(rng.integers(max(0, i - 2), i))) for i in range(1, n)]
    deg = np.zeros(n, int)
    for a, b in edges:
        deg[a] += 1
        deg[b] += 1
    atom = rng.choice(4, n, p=[0.55, 0.2, 0.15, 0.1])
    # solubility-like property: polar atoms (1, 2) next to carbon (0), halogen (3) at branches
    s = 0.0
    for a, b in edges:
        pair = {int(atom[a]), int(atom[b])}
        s += 1.0 if pair == {0, 1} else (0.6 if pair == {0, 2} else (-1.2 if pair == {1, 2} else 0.0))
        s += -1.0 if pair == {0, 3} else 0.0
        s -= 1.5 if pair == {1} or pair == {2} else 0.0
    s += 0.3 * np.sum((deg >= 3) & (atom == 0))
    x = np.eye(4, dtype=np.float32)[atom]
    ei = np.array(edges + [(b, a) for a, b in edges]).T
    return Graph(torch.from_numpy(x), torch.from_numpy(ei), float(s + rng.normal(0, 0.1)))


class Batch:
    def __init__(self, graphs):
        xs, eis, ids = [], [], []
        for i, g in enumerate(graphs):
            xs.append(g.x)
            eis.append(g.edge_index)
            ids.append(torch.full((len(g.x),), i))
        self.x, self.edge_index, self.batch = torch.cat(xs), torch.cat(eis, 1), torch.cat(ids)
        self.y = torch.tensor([g.y for g in graphs])
        self.num_graphs = len(graphs)


class GINConv(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(nn.Linear(d_in, d), nn.BatchNorm1d(d), nn.ReLU(), nn.Linear(d, d))

    def forward(self, x, ei):
        src, dst = ei
        agg = torch.zeros_like(x).index_add_(0, dst, x[src])
        return self.mlp((1 + self.eps) * x + agg)


class GIN(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.c1, self.c2, self.c3 = GINConv(4, d), GINConv(d, d), GINConv(d, d)
        self.out = nn.Sequential(nn.Linear(3 * d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, b):
        h, pooled = b.x, []
        for c in (self.c1, self.c2, self.c3):
            h = F.relu(c(h, b.edge_index))
            pooled.append(torch.zeros(b.num_graphs, h.size(1)).index_add_(0, b.batch, h) / 10)
        return self.out(torch.cat(pooled, 1)).squeeze(1)


def loop(model, graphs, bs, opt=None, rng=None):
    order = rng.permutation(len(graphs)) if opt is not None else np.arange(len(graphs))
    model.train(opt is not None)
    preds, ys = [], []
    for i in range(0, len(order), bs):
        b = Batch([graphs[j] for j in order[i:i + bs]])
        with torch.set_grad_enabled(opt is not None):
            p = model(b)
        if opt is not None:
            loss = F.mse_loss(p, b.y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        preds.append(p.detach())
        ys.append(b.y)
    p, y = torch.cat(preds), torch.cat(ys)
    return (1 - F.mse_loss(p, y) / y.var(unbiased=False)).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    data = [random_molecule(rng) for _ in range(2400)]
    train, test = data[:2000], data[2000:]
    model = GIN()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, [8, 11], 0.3)
    for ep in range(13):
        r2 = loop(model, train, 40, opt, rng)
        sched.step()
        if ep % 3 == 0:
            print(f"epoch {ep} train R2 {r2:.3f}")
    print(f"test R2 {loop(model, test, 40):.3f}")
