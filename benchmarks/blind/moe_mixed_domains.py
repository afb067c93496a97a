"""Sparse mixture of experts on records that come from several instruments, each with its own response law."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


class Instruments:
    def __init__(self, kinds=8, dim=10, seed=0):
        rng = np.random.default_rng(seed)
        self.kinds, self.dim = kinds, dim
        self.w1 = rng.normal(0, 1 / np.sqrt(dim), (kinds, dim, 6)) * 1.8
        self.w2 = rng.normal(0, 0.6, (kinds, 6))
        self.signature = rng.normal(0, 1.0, (kinds, 6))

    def sample(self, n, rng):
        k = rng.integers(self.kinds, size=n)
        x = rng.normal(size=(n, self.dim))
        h = np.sin(np.einsum("nd,ndh->nh", x, self.w1[k]))
        y = (h * self.w2[k]).sum(1) + 0.05 * rng.normal(size=n)
        meta = self.signature[k] + 0.25 * rng.normal(size=(n, 6))
        z = np.concatenate([x, meta], 1).astype(np.float32)
        return torch.from_numpy(z), torch.from_numpy(y.astype(np.float32))


class Router(nn.Module):
    def __init__(self, dim, n_experts, k):
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.gate = nn.Sequential(nn.Linear(dim, 32), nn.Tanh(), nn.Linear(32, n_experts))
        self.k = k

    def forward(self, x):
        logits = self.gate(self.norm(x))
        vals, idx = logits.topk(self.k, dim=-1)
        weights = F.softmax(vals, dim=-1)
        return weights, idx, logits


class SparseMoE(nn.Module):
    def __init__(self, dim, hidden, n_experts=8, k=1):
        super().__init__()
        self.router = Router(dim, n_experts, k)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, 16)) for _ in range(n_experts))

    def forward(self, x):
        weights, idx, logits = self.router(x)
        out = x.new_zeros(len(x), 16)
        for e, expert in enumerate(self.experts):
            rows, slot = (idx == e).nonzero(as_tuple=True)
            if len(rows):
                out = out.index_add(0, rows, weights[rows, slot, None] * expert(x[rows]))
        probs = F.softmax(logits, -1)
        frac = F.one_hot(idx[:, 0], probs.size(1)).float().mean(0)
        balance = probs.size(1) * (frac * probs.mean(0)).sum()
        return out, balance


class Net(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.moe = SparseMoE(dim, 28)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        h, balance = self.moe(x)
        return self.head(h).squeeze(-1), balance


def train(net, x, y, epochs, lr, balance_weight):
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=1e-4)
    steps = epochs * (len(x) // 128)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, lr, total_steps=steps, pct_start=0.1)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(128)[: len(x) // 128]:
            pred, balance = net(x[idx])
            mse = F.mse_loss(pred, y[idx])
            opt.zero_grad()
            (mse + balance_weight * balance).backward()
            opt.step()
            sched.step()
            total += mse.item()
        if epoch % 5 == 0:
            print(f"epoch {epoch} mse {total / (len(x) // 128):.4f} balance {balance.item():.3f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=45)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    world = Instruments(seed=args.seed + 50)
    x, y = world.sample(6000, rng)
    xt, yt = world.sample(1500, rng)
    net = Net(x.size(1))
    train(net, x, y, args.epochs, lr=5e-3, balance_weight=0.01)
    net.eval()
    with torch.no_grad():
        pred, _ = net(xt)
    print(f"test R2 {1 - F.mse_loss(pred, yt) / yt.var():.3f}")
