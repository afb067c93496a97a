import os
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
np.random.seed(SEED)
torch.manual_seed(SEED)

# monthly rents: surface, rooms, floor, distance to centre, age, district
n = 2400
surface = np.random.gamma(6, 12, n) + 18
rooms = np.clip(np.round(surface / 28 + np.random.randn(n) * 0.6), 1, 7)
floor = np.random.randint(0, 9, n)
dist = np.random.exponential(4, n)
age = np.random.randint(0, 90, n)
district = np.random.randint(0, 8, n)
d_price = np.random.randn(8) * 2.0
rent = (surface * (13 + d_price[district]) * np.exp(-dist / 14)
        + 40 * rooms + 9 * floor - 1.5 * age + 120 + np.random.randn(n) * 45)

num = np.stack([surface, rooms, floor, dist, age], 1)
onehot = np.eye(8)[district]
n_train = 1900
mu, sd = num[:n_train].mean(0), num[:n_train].std(0)
X = np.concatenate([(num - mu) / sd, onehot], 1).astype(np.float32)
y_mu, y_sd = rent[:n_train].mean(), rent[:n_train].std()
y = ((rent - y_mu) / y_sd).astype(np.float32)

train_ds = TensorDataset(torch.from_numpy(X[:n_train]), torch.from_numpy(y[:n_train]))
X_test = torch.from_numpy(X[n_train:])
y_test = torch.from_numpy(y[n_train:])


class RentNet(nn.Module):
    def __init__(self, d_in):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(d_in, 64), nn.ReLU(),
            nn.Linear(64, 32), nn.ReLU(),
            nn.Linear(32, 1),
        )

    def forward(self, x):
        return self.body(x)


def rmse_loss(pred, target):
    return torch.sqrt(torch.mean((pred - target) ** 2) + 1e-8)


model = RentNet(X.shape[1])
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
loader = DataLoader(train_ds, batch_size=64, shuffle=True)

for epoch in range(40):
    model.train()
    running = 0.0
    for xb, yb in loader:
        opt.zero_grad()
        out = model(xb)
        loss = rmse_loss(out, yb)
        loss.backward()
        opt.step()
        running += loss.item() * len(xb)
    if epoch % 8 == 7:
        print(f"epoch {epoch + 1:3d}  train rmse {running / len(train_ds):.3f}")

model.eval()
with torch.no_grad():
    p = model(X_test).numpy().ravel() * y_sd + y_mu
t = y_test.numpy() * y_sd + y_mu
r2 = 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()
print("MAE in euro: %.1f" % np.abs(p - t).mean())
print(f"score: {r2:.4f}")
