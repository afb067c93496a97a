import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))


def make_graph(n=1200, k=5, d=60, seed=0):
    """papers in k fields; few papers are cited very often"""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    fame = rng.pareto(1.6, n) + 0.4
    edges = set()
    by = [np.flatnonzero(y == c) for c in range(k)]
    for v in range(n):
        for _ in range(rng.integers(1, 5)):
            pool = by[y[v]] if rng.random() < 0.75 else np.arange(n)
            p = fame[pool] / fame[pool].sum()
            u = rng.choice(pool, p=p)
            if u != v:
                edges.add((v, u))
                edges.add((u, v))
    words = rng.random((k, d)) * 0.08 + 0.03
    for c in range(k):
        words[c, c * 8:c * 8 + 8] += 0.09
    x = (rng.random((n, d)) < words[y]).astype(np.float32)
    return x, y, np.array(sorted(edges)).T


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o)

    def forward(self, adj, h):
        return torch.sparse.mm(adj, self.lin(h))


class GCN(nn.Module):
    def __init__(self, d_in, d_hid, d_out, n_layers=8, p=0.3):
        super().__init__()
        dims = [d_in] + [d_hid] * (n_layers - 1) + [d_out]
        self.convs = nn.ModuleList(GraphConv(a, b) for a, b in zip(dims, dims[1:]))
        self.p = p

    def forward(self, adj, x):
        h = x
        for conv in self.convs[:-1]:
            h = F.dropout(F.relu(conv(adj, h)), self.p, self.training)
        return self.convs[-1](adj, h)


def normalise(edge_index, n):
    loops = np.stack([np.arange(n)] * 2)
    ei = torch.tensor(np.concatenate([edge_index, loops], 1))
    deg = torch.bincount(ei[0], minlength=n).float()
    w = (deg[ei[0]] * deg[ei[1]]).rsqrt()
    return torch.sparse_coo_tensor(ei, w, (n, n), check_invariants=True).coalesce()


torch.manual_seed(SEED)
x, y, edge_index = make_graph(seed=SEED)
n = len(y)
adj = normalise(edge_index, n)
x, y = torch.tensor(x), torch.tensor(y)
x = x / x.sum(1, keepdim=True).clamp(min=1) * 5
perm = torch.randperm(n)
train, val, test = perm[:150], perm[150:450], perm[450:]

model = GCN(x.shape[1], 48, 5)
opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
best_val, best_test = 0.0, 0.0
for epoch in range(200):
    model.train()
    loss = F.cross_entropy(model(adj, x)[train], y[train])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 5 == 4:
        model.eval()
        with torch.no_grad():
            ok = (model(adj, x).argmax(1) == y).float()
        if ok[val].mean() > best_val:
            best_val, best_test = ok[val].mean().item(), ok[test].mean().item()
        if epoch % 40 == 39:
            print(f"epoch {epoch + 1} loss {loss.item():.4f} train {ok[train].mean():.3f} val {ok[val].mean():.3f}")
print(f"score: {best_test:.4f}")
