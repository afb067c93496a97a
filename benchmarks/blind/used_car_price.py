"""Used car prices from listings. Categorical columns as embeddings, the rest as numbers; target is log price."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)

N_MAKE, N_FUEL, N_REGION = 14, 4, 9


def listings(n, rng, world):
    make = rng.integers(0, N_MAKE, n)
    fuel = rng.integers(0, N_FUEL, n)
    region = rng.integers(0, N_REGION, n)
    age = rng.gamma(2.2, 2.6, n)
    km = age * rng.gamma(9, 1600, n) + rng.exponential(3000, n)
    kw = np.exp(rng.normal(4.6, 0.35, n))
    owners = 1 + rng.poisson(age / 6)
    log_price = (world["make"][make] + 0.85 * np.log(kw / 100) + world["region"][region]
                 - world["decay"][fuel] * age - 0.0028 * km / 1000 - 0.05 * (owners - 1) + 10.1)
    log_price += rng.normal(0, 0.1, n)
    num = np.stack([age, km, kw, owners], 1).astype(np.float32)
    cat = np.stack([make, fuel, region], 1)
    return num, cat, log_price.astype(np.float32)


class PriceModel(nn.Module):
    def __init__(self, n_num, hidden=96, p=0.4):
        super().__init__()
        self.emb = nn.ModuleList([nn.Embedding(N_MAKE, 6), nn.Embedding(N_FUEL, 3), nn.Embedding(N_REGION, 4)])
        self.bn = nn.BatchNorm1d(n_num)
        d = n_num + 13
        self.mlp = nn.Sequential(
            nn.Linear(d, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden // 2), nn.ReLU(),
            nn.Linear(hidden // 2, 1), nn.Dropout(p),
        )

    def forward(self, num, cat):
        parts = [e(cat[:, i]) for i, e in enumerate(self.emb)]
        return self.mlp(torch.cat([self.bn(num)] + parts, dim=1)).squeeze(1)


def rmsle_to_r2(pred, target):
    return 1 - (((pred - target) ** 2).mean() / target.var()).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=15)
    ap.add_argument("--batch", type=int, default=64)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    world = {"make": rng.normal(0, 0.35, N_MAKE), "region": rng.normal(0, 0.08, N_REGION),
             "decay": rng.uniform(0.07, 0.15, N_FUEL)}
    num, cat, price = map(torch.from_numpy, listings(4000, rng, world))
    num_t, cat_t, price_t = map(torch.from_numpy, listings(1200, rng, world))
    num[:, 1] /= 1000
    num_t[:, 1] /= 1000
    center, scale = price.mean(), price.std()
    target, target_t = (price - center) / scale, (price_t - center) / scale

    model = PriceModel(num.shape[1])
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size=6, gamma=0.4)
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(num)).split(args.batch):
            opt.zero_grad()
            loss = nn.functional.mse_loss(model(num[idx], cat[idx]), target[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        sched.step()
        print(f"epoch {epoch + 1:2d} train mse {total / len(num):.4f}")
    model.eval()
    with torch.no_grad():
        print(f"test R2 of log price: {rmsle_to_r2(model(num_t, cat_t), target_t):.4f}")


main()
