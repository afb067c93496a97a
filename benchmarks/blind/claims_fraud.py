"""Flag suspicious insurance claims for manual inspection."""
import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.compose import ColumnTransformer
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.preprocessing import OneHotEncoder, StandardScaler

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)


def claims(n, rng):
    amount = rng.lognormal(7, 0.8, n)
    days = rng.exponential(200, n)
    prior = rng.poisson(0.6, n)
    age = rng.uniform(18, 85, n)
    kind = rng.integers(0, 5, n)
    night = rng.integers(0, 2, n)
    z = (1.6 * (np.log(amount) - 7) + 1.2 * prior - 0.012 * days + 0.9 * night * (kind == 2)
         + 1.1 * (kind == 4) - 0.01 * age - 3.6)
    y = (rng.random(n) < 1 / (1 + np.exp(-2 * z))).astype(int)
    return np.stack([np.log(amount), np.log1p(days), prior, age, kind, night], 1), y


def class_weights(y):
    counts = np.bincount(y, minlength=2)
    w = counts / counts.sum()
    return torch.tensor(w * len(counts), dtype=torch.float32)


class ClaimNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(d, 32), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(32, 16), nn.ReLU(),
            nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)


def main():
    rng = np.random.default_rng(SEED)
    (xa, ya), (xb, yb) = claims(6000, rng), claims(3000, rng)
    prep = ColumnTransformer([("num", StandardScaler(), [0, 1, 2, 3]), ("cat", OneHotEncoder(), [4, 5])],
                             sparse_threshold=0)
    xa = torch.tensor(prep.fit_transform(xa), dtype=torch.float32)
    xb = torch.tensor(prep.transform(xb), dtype=torch.float32)
    print("fraud share: train %.3f test %.3f" % (ya.mean(), yb.mean()))
    yt = torch.tensor(ya)

    net = ClaimNet(xa.shape[1])
    criterion = nn.CrossEntropyLoss(weight=class_weights(ya))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(12):
        net.train()
        total = 0.0
        for idx in torch.randperm(len(xa)).split(64):
            loss = criterion(net(xa[idx]), yt[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 3 == 2:
            print("epoch %d: loss %.4f" % (epoch + 1, total / (len(xa) / 64)))

    net.eval()
    with torch.no_grad():
        pred = net(xb).argmax(1).numpy()
    print(confusion_matrix(yb, pred))
    print("score: %.4f" % balanced_accuracy_score(yb, pred))


if __name__ == "__main__":
    main()
