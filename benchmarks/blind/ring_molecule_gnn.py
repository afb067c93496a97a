"""Graph regression: a toy 'energy' of ring/chain molecules from bonds and atom types (message passing, batched graphs)."""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.set_num_threads(1)
EN = np.array([2.2, 2.55, 3.04, 3.44, 3.98])


class Graph:
    def __init__(self, z, bonds, y):
        self.z, self.bonds, self.y = z, bonds, y


def sample_graph(rng):
    n = rng.integers(5, 13)
    z = rng.integers(0, 5, n)
    edges = [(i, i + 1) for i in range(n - 1)]
    if rng.random() < 0.6:
        k = rng.integers(3, n + 1)
        edges.append((0, k - 1)) if k > 2 else None
    for _ in range(rng.integers(0, 3)):
        a, b = rng.integers(0, n, 2)
        if a != b and (a, b) not in edges and (b, a) not in edges:
            edges.append((int(a), int(b)))
    e = np.array(edges).T
    energy = sum((EN[z[a]] - EN[z[b]]) ** 2 for a, b in edges)
    both = np.concatenate([e, e[::-1]], 1)
    return Graph(torch.from_numpy(z), torch.from_numpy(both.copy()), float(energy))


def collate(graphs):
    z = torch.cat([g.z for g in graphs])
    sizes = torch.tensor([len(g.z) for g in graphs])
    owner = torch.repeat_interleave(torch.arange(len(graphs)), sizes)
    bonds = torch.cat([g.bonds for g in graphs], dim=1)
    return z, bonds, owner, torch.tensor([g.y for g in graphs])


class MessageLayer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.msg = nn.Sequential(nn.Linear(2 * d, d), nn.SiLU(), nn.Linear(d, d))
        self.upd = nn.Sequential(nn.Linear(2 * d, d), nn.SiLU(), nn.Linear(d, d))

    def forward(self, h, bonds):
        src, dst = bonds
        m = self.msg(torch.cat([h[src], h[dst]], 1))
        agg = torch.zeros_like(h).index_add_(0, dst, m)
        return h + self.upd(torch.cat([h, agg], 1))


class EnergyNet(nn.Module):
    def __init__(self, d=40, layers=2):
        super().__init__()
        self.atom = nn.Embedding(5, d)
        self.layers = nn.ModuleList(MessageLayer(d) for _ in range(layers))
        self.readout = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, 1))

    def forward(self, z, bonds, owner, n):
        h = self.atom(z)
        for layer in self.layers:
            h = layer(h, bonds)
        e = self.readout(h).squeeze(1)
        return torch.zeros(n).index_add_(0, owner, e)


def r2(model, loader, mu, sd):
    model.eval()
    ps, ys = [], []
    with torch.no_grad():
        for z, bonds, owner, y in loader:
            ps.append(model(z, bonds, owner, len(y)) * sd + mu)
            ys.append(y)
    model.train()
    p, y = torch.cat(ps), torch.cat(ys)
    return 1 - ((p - y) ** 2).sum().item() / ((y - y.mean()) ** 2).sum().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train = [sample_graph(rng) for _ in range(2500)]
    test = [sample_graph(np.random.default_rng(1000 + i)) for i in range(300)]
    ys = torch.tensor([g.y for g in train])
    mu, sd = ys.mean(), ys.std()
    loader = DataLoader(train, 32, shuffle=True, collate_fn=collate)
    test_loader = DataLoader(test, 64, collate_fn=collate)
    model = EnergyNet()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, epochs=18, steps_per_epoch=len(loader))
    for epoch in range(18):
        tot = 0.0
        for z, bonds, owner, y in loader:
            loss = nn.functional.mse_loss(model(z, bonds, owner, len(y)), (y - mu) / sd)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            tot += loss.item()
        if epoch % 3 == 0:
            print(f"epoch {epoch} mse {tot / len(loader):.4f} r2 {r2(model, test_loader, mu, sd):.3f}")
    print(f"test R2 {r2(model, test_loader, mu, sd):.4f}")


if __name__ == "__main__":
    main()
