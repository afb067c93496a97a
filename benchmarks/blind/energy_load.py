import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler

torch.set_num_threads(1)
seed = int(os.environ.get("SEED", "0"))
torch.manual_seed(seed)
rng = np.random.RandomState(seed)

# hourly building load, 1 year; last two months held out
H = 365 * 24
hour = np.arange(H) % 24
doy = np.arange(H) / 24
temp = 11 - 12 * np.cos(2 * np.pi * (doy + 10) / 365) + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
ar = np.zeros(H)
for i in range(1, H):
    ar[i] = 0.97 * ar[i - 1] + rng.randn() * 0.6
temp = temp + ar
occ = ((hour >= 7) & (hour < 19) & ((np.arange(H) // 24) % 7 < 5)).astype(float)
humidity = np.clip(70 - temp + rng.randn(H) * 8, 15, 100)
load = 40 + 2.2 * np.maximum(15 - temp, 0) + 3.0 * np.maximum(temp - 22, 0) + 35 * occ + rng.randn(H) * 3

X = np.stack([temp, humidity, occ, np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24)], 1)
test_hours = np.arange(H) >= 305 * 24
X_train, X_test = X[~test_hours], X[test_hours]
y_train, y_test = load[~test_hours], load[test_hours]

x_scaler = StandardScaler()
X_train = x_scaler.fit_transform(X_train)
X_test = x_scaler.fit_transform(X_test)
y_scaler = StandardScaler()
y_train = y_scaler.fit_transform(y_train.reshape(-1, 1))

X_train = torch.tensor(X_train, dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)
X_test = torch.tensor(X_test, dtype=torch.float32)

model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.HuberLoss()
for epoch in range(12):
    tot = 0
    for idx in torch.randperm(len(X_train)).split(128):
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx)
    if epoch % 3 == 2:
        print("epoch", epoch + 1, "huber %.5f" % (tot / len(X_train)))

with torch.no_grad():
    pred = y_scaler.inverse_transform(model(X_test).numpy()).ravel()
print("mean load %.1f predicted %.1f" % (y_test.mean(), pred.mean()))
print("score: %.3f" % np.abs(pred - y_test).mean())
