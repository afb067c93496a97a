"""Matrix factorisation for a rating data set (users x films), CSV style records."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--dim", type=int, default=8)
args = parser.parse_args()

torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)


def make_ratings(n_users=400, n_films=250, n=30000):
    users = np.array([f"u{100000 + 37 * i}" for i in range(n_users)])
    films = np.array([f"tt{900000 + 53 * i}" for i in range(n_films)])
    ub = rng.normal(0, 0.5, n_users)
    fb = rng.normal(0, 0.7, n_films)
    up = rng.normal(0, 0.6, (n_users, 3))
    fp = rng.normal(0, 0.6, (n_films, 3))
    pop = 1.0 / (np.arange(n_films) + 20)
    ui = rng.integers(0, n_users, n)
    fi = rng.choice(n_films, n, p=pop / pop.sum())
    r = 3.4 + ub[ui] + fb[fi] + (up[ui] * fp[fi]).sum(1) + rng.normal(0, 0.4, n)
    r = np.clip(np.round(r * 2) / 2, 0.5, 5.0)
    return [(users[u], films[f], float(x)) for u, f, x in zip(ui, fi, r)]


def factorize(values):
    codes, table = [], {}
    for v in values:
        if v not in table:
            table[v] = len(table)
        codes.append(table[v])
    return np.array(codes), table


def encode(records):
    users, user_table = factorize([r[0] for r in records])
    films, film_table = factorize([r[1] for r in records])
    ratings = np.array([r[2] for r in records], dtype=np.float32)
    return users, films, ratings, len(user_table), len(film_table)


class MF(nn.Module):
    def __init__(self, n_users, n_films, dim, mean):
        super().__init__()
        self.u = nn.Embedding(n_users, dim)
        self.f = nn.Embedding(n_films, dim)
        self.ub = nn.Embedding(n_users, 1)
        self.fb = nn.Embedding(n_films, 1)
        for e in (self.u, self.f):
            nn.init.normal_(e.weight, std=0.1)
        for e in (self.ub, self.fb):
            nn.init.zeros_(e.weight)
        self.mean = nn.Parameter(torch.tensor(mean))

    def forward(self, u, f):
        dot = (self.u(u) * self.f(f)).sum(1)
        return self.mean + dot + self.ub(u).squeeze(1) + self.fb(f).squeeze(1)


records = make_ratings()
rng.shuffle(records)
records = [(str(u), str(f), float(r)) for u, f, r in records]
split = int(0.8 * len(records))

tr_u, tr_f, tr_r, n_u, n_f = encode(records[:split])
te_u, te_f, te_r, m_u, m_f = encode(records[split:])
print("users", n_u, "films", n_f, "train", len(tr_r), "test", len(te_r))

train_set = TensorDataset(torch.from_numpy(tr_u), torch.from_numpy(tr_f), torch.from_numpy(tr_r))
loader = DataLoader(train_set, batch_size=256, shuffle=True)
model = MF(max(n_u, m_u), max(n_f, m_f), args.dim, float(tr_r.mean()))
opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)
loss_fn = nn.MSELoss()


def rmse(u, f, r):
    model.eval()
    with torch.no_grad():
        p = model(torch.from_numpy(u), torch.from_numpy(f)).clamp(0.5, 5.0)
    return float(((p - torch.from_numpy(r)) ** 2).mean().sqrt())


for epoch in range(args.epochs):
    model.train()
    total = 0.0
    for u, f, r in loader:
        opt.zero_grad()
        loss = loss_fn(model(u, f), r)
        loss.backward()
        opt.step()
        total += loss.item() * len(r)
    print(f"epoch {epoch + 1} train mse {total / len(tr_r):.3f} test rmse {rmse(te_u, te_f, te_r):.3f}")

print(f"test rmse {rmse(te_u, te_f, te_r):.4f} (std of ratings {te_r.std():.3f})")
