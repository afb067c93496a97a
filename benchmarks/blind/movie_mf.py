import os
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

N_USERS, N_ITEMS, N_RATINGS = 400, 250, 16000


def fake_ratings():
    taste = rng.normal(size=(N_USERS, 4)) * 0.5
    style = rng.normal(size=(N_ITEMS, 4)) * 0.7
    ub, ib = rng.normal(size=N_USERS) * 0.4, rng.normal(size=N_ITEMS) * 0.5
    pop = rng.dirichlet(np.ones(N_ITEMS) * 0.8)
    u = rng.integers(0, N_USERS, N_RATINGS)
    i = rng.choice(N_ITEMS, N_RATINGS, p=pop)
    r = 3.5 + ub[u] + ib[i] + (taste[u] * style[i]).sum(1) + rng.normal(size=N_RATINGS) * 0.5
    return u, i, np.clip(np.round(r * 2) / 2, 0.5, 5.0).astype(np.float32)


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, n_factors=16, mean=3.5):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.item_factors = nn.Embedding(n_items, n_factors)
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        self.mean = mean
        for e in (self.user_bias, self.item_bias):
            nn.init.zeros_(e.weight)

    def forward(self, u, i):
        dot = (self.user_factors(u) * self.item_factors(i)).sum(1)
        return self.mean + dot + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1)


u, i, r = (torch.as_tensor(a) for a in fake_ratings())
perm = torch.randperm(len(r))
cut = int(0.85 * len(r))
tr, te = perm[:cut], perm[cut:]
loader = DataLoader(TensorDataset(u[tr], i[tr], r[tr]), batch_size=256, shuffle=True)

model = MatrixFactorization(N_USERS, N_ITEMS, mean=r[tr].mean().item())
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=3e-4)
mse = nn.MSELoss()

for epoch in range(16):
    model.train()
    total = 0.0
    for bu, bi, br in loader:
        optimizer.zero_grad()
        loss = mse(model(bu, bi), br)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(br)
    model.eval()
    with torch.no_grad():
        val = mse(model(u[te], i[te]), r[te]).sqrt().item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1:2d} train rmse {np.sqrt(total / cut):.3f} held-out rmse {val:.3f}")

print(f"score: {val:.4f}")
