import os
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

n_stores, n_articles, n_weeks = 60, 50, 52


def history(n):
    store, art, week = rng.integers(0, n_stores, n), rng.integers(0, n_articles, n), rng.integers(0, n_weeks, n)
    price_cut = np.where(rng.random(n) < 0.25, rng.uniform(0.05, 0.4, n), 0.0)
    return store, art, week, price_cut


w = np.random.default_rng(SEED + 100)
store_eff, art_eff = w.normal(0, 0.5, n_stores), w.normal(0, 0.7, n_articles)
taste_s, taste_a = w.normal(0, 0.4, (n_stores, 2)), w.normal(0, 0.6, (n_articles, 2))
season = w.normal(0, 0.4, n_articles)


def log_sales(store, art, week, cut):
    mu = 3 + store_eff[store] + art_eff[art] + (taste_s[store] * taste_a[art]).sum(1)
    return mu + season[art] * np.sin(2 * np.pi * week / 52) + 2 * cut + rng.normal(0, 0.2, len(store))


class SalesNet(nn.Module):
    """store and article ids, calendar and price -> log units"""

    def __init__(self, dims=(64, 64)):
        super().__init__()
        self.store = nn.Linear(1, 8)
        self.article = nn.Linear(1, 8)
        seq, d = [], 8 + 8 + 3
        for h in dims:
            seq += [nn.Linear(d, h), nn.ReLU()]
            d = h
        self.mlp = nn.Sequential(*seq, nn.Linear(d, 1))

    def encode(self, store, article):
        s = self.store(store.float().unsqueeze(1) / n_stores)
        a = self.article(article.float().unsqueeze(1) / n_articles)
        return torch.cat([s, a], 1)

    def forward(self, store, article, cont):
        return self.mlp(torch.cat([self.encode(store, article), cont], 1)).squeeze(1)


def batch_of(raw):
    store, art, week, cut = raw
    a = 2 * np.pi * week / 52
    cont = np.stack([np.sin(a), np.cos(a), cut / 0.2], 1)
    return torch.tensor(store), torch.tensor(art), torch.tensor(cont, dtype=torch.float32)


raw_tr, raw_te = history(12000), history(2000)
y_tr = torch.tensor(log_sales(*raw_tr), dtype=torch.float32)
y_te = torch.tensor(log_sales(*raw_te), dtype=torch.float32)
mean = y_tr.mean()
tr, te = batch_of(raw_tr), batch_of(raw_te)

net = SalesNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 24)
for epoch in range(24):
    net.train()
    tot = 0.0
    for idx in torch.randperm(len(y_tr)).split(128):
        loss = nn.functional.mse_loss(net(*(c[idx] for c in tr)), y_tr[idx] - mean)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx)
    sched.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch} train rmse {np.sqrt(tot / len(y_tr)):.4f}")

net.eval()
with torch.no_grad():
    rmse = (net(*te) + mean - y_te).pow(2).mean().sqrt().item()
print(f"naive rmse {y_te.std().item():.4f}")
print(f"score: {rmse:.4f}")
