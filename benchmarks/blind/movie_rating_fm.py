"""Factorization machine for movie ratings with user, item and context fields."""
import argparse
import math
import numpy as np
import torch
from torch import nn


class RatingsData:
    """Synthetic ratings driven by latent tastes plus day-of-week and device effects."""

    def __init__(self, seed, users=250, items=180, n=14000, rank=4):
        g = np.random.default_rng(seed)
        u, v = g.normal(size=(users, rank)), g.normal(size=(items, rank))
        day = g.normal(0, 0.15, 7)
        dev = g.normal(0, 0.6, (3, rank))
        self.fields = [users, items, 7, 3]
        pop = g.dirichlet(np.full(items, 2.0))
        cols = np.column_stack([g.integers(0, users, n), g.choice(items, n, p=pop),
                                g.integers(0, 7, n), g.integers(0, 3, n)])
        s = (u[cols[:, 0]] * v[cols[:, 1]]).sum(1) / math.sqrt(rank) * 1.1
        s += (dev[cols[:, 3]] * v[cols[:, 1]]).sum(1) / rank
        s += day[cols[:, 2]] + 3.2 + g.normal(0, 0.25, n)
        y = np.clip(np.round(s * 2) / 2, 0.5, 5.0)
        offset = np.concatenate([[0], np.cumsum(self.fields)[:-1]])
        x = torch.from_numpy(cols + offset)
        y = torch.tensor(y, dtype=torch.float32)
        cut = int(0.85 * n)
        self.train, self.test = (x[:cut], y[:cut]), (x[cut:], y[cut:])


class FactorizationMachine(nn.Module):
    def __init__(self, fields, k=8):
        super().__init__()
        total = sum(fields)
        self.bias = nn.Parameter(torch.zeros(1))
        self.linear = nn.Parameter(torch.zeros(total))
        self.factors = nn.Parameter(torch.randn(total, k), requires_grad=True) * 0.1

    def forward(self, x):
        v = self.factors[x]
        pair = 0.5 * (v.sum(1) ** 2 - (v ** 2).sum(1)).sum(1)
        return self.bias + self.linear[x].sum(1) + pair


def fit(model, data, epochs, batch, lr, gen):
    x, y = data
    with torch.no_grad():
        model.bias.fill_(y.mean().item())
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.93)
    for epoch in range(epochs):
        se = 0.0
        for idx in torch.randperm(len(x), generator=gen).split(batch):
            pred = model(x[idx])
            mse = nn.functional.mse_loss(pred, y[idx])
            reg = model.linear.square().mean() + model.factors.square().mean()
            loss = mse + 1e-3 * reg
            opt.zero_grad()
            loss.backward(retain_graph=True)
            opt.step()
            se += mse.item() * len(idx)
        sched.step()
        if epoch % 3 == 0:
            print(f"epoch {epoch:2d} train rmse {math.sqrt(se / len(x)):.4f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=24)
    a = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    data = RatingsData(a.seed)
    model = FactorizationMachine(data.fields)
    fit(model, data.train, a.epochs, 128, 1e-2, torch.Generator().manual_seed(a.seed))
    model.eval()
    with torch.no_grad():
        x, y = data.test
        rmse = (model(x).clamp(0.5, 5) - y).square().mean().sqrt()
    print(f"test rmse: {rmse.item():.4f}")


if __name__ == "__main__":
    main()
