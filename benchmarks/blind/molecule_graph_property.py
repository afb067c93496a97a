"""Graph regression: predict a property of small random molecules from atoms and bonds with a GIN."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

ATOMS = 4
ELECTRONEG = np.array([2.5, 3.0, 3.5, 2.2])


def random_molecule(rng):
    n = rng.randint(8, 18)
    z = rng.choice(ATOMS, n, p=[0.55, 0.15, 0.15, 0.15])
    edges = []
    for i in range(1, n):
        edges.append((rng.randint(max(0, i - 4), i), i))
    for _ in range(rng.randint(0, 3)):
        a, b = rng.choice(n, 2, replace=False)
        edges.append((a, b))
    e = np.array(edges).T
    deg = np.bincount(e.ravel(), minlength=n)
    polar = np.abs(ELECTRONEG[z[e[0]]] - ELECTRONEG[z[e[1]]]).sum() / n
    y = 3 * polar + 0.5 * (deg == 1).sum() / n + 0.8 * ((z == 2) & (deg >= 3)).sum() / n
    return {"z": torch.tensor(z), "edge_index": torch.tensor(np.concatenate([e, e[::-1]], 1)), "y": y}


def collate(graphs):
    zs, edges, batch = [], [], []
    for k, g in enumerate(graphs):
        zs.append(g["z"])
        edges.append(g["edge_index"])
        batch.append(torch.full((len(g["z"]),), k))
    y = torch.tensor([g["y"] for g in graphs], dtype=torch.float32)
    return torch.cat(zs), torch.cat(edges, 1), torch.cat(batch), y


class GINLayer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.BatchNorm1d(2 * d), nn.ReLU(), nn.Linear(2 * d, d))

    def forward(self, h, edge_index):
        src, dst = edge_index
        agg = torch.zeros_like(h).index_add_(0, dst, h[src])
        return F.relu(self.mlp((1 + self.eps) * h + agg))


class GIN(nn.Module):
    def __init__(self, d=32, layers=3):
        super().__init__()
        self.emb = nn.Embedding(ATOMS, d)
        self.layers = nn.ModuleList([GINLayer(d) for _ in range(layers)])
        self.out = nn.Sequential(nn.Linear(d * (layers + 1), d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, z, edge_index, batch, n):
        h = self.emb(z)
        hs = [h]
        for l in self.layers:
            h = l(h, edge_index)
            hs.append(h)
        h = torch.cat(hs, 1)
        cnt = torch.bincount(batch, minlength=n).clamp(min=1)[:, None]
        pooled = torch.zeros(n, h.shape[1]).index_add_(0, batch, h) / cnt
        return self.out(pooled).squeeze(1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(args.seed)
    train = [random_molecule(rng) for _ in range(1200)]
    test = [random_molecule(rng) for _ in range(400)]
    ys = np.array([g["y"] for g in train])
    mu, sd = ys.mean(), ys.std()
    for g in train + test:
        g["y"] = (g["y"] - mu) / sd
    model = GIN()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    loader = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
    for epoch in range(12):
        model.train()
        tot = 0.0
        for z, e, b, y in loader:
            loss = F.mse_loss(model(z, e, b, len(y)), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1} mse {tot / len(loader):.4f}")
    model.eval()
    pred, true = [], []
    with torch.no_grad():
        for z, e, b, y in DataLoader(test, batch_size=32, collate_fn=collate):
            pred.append(model(z, e, b, len(y)))
            true.append(y)
    pred, true = torch.cat(pred), torch.cat(true)
    print(f"test R2 {1 - ((pred - true) ** 2).mean().item() / true.var().item():.4f}")


main()
