"""Card fraud with costs by transaction: a missed fraud is charged much more than a false alarm."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
MISS_COST, ALARM_COST = 40.0, 1.0


class Transactions(Dataset):
    def __init__(self, n, rng, stats=None):
        fraud = rng.random(n) < 0.03
        amount = rng.lognormal(3.2 + 0.5 * fraud, 1.0)
        hour = np.where(fraud & (rng.random(n) < 0.5), rng.normal(3, 2, n), rng.normal(14, 5, n)) % 24
        distance = rng.gamma(1.2, 8 + 22 * fraud)
        velocity = rng.poisson(1.5 + 1.8 * fraud)
        age_days = rng.gamma(2.0, 400 - 150 * fraud)
        foreign = rng.random(n) < 0.06 + 0.22 * fraud
        online = rng.random(n) < 0.4 + 0.2 * fraud
        decline = rng.poisson(0.2 + 0.5 * fraud)
        raw = np.stack([np.log(amount), np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12), np.log1p(distance),
                        velocity, np.sqrt(age_days), foreign, online, decline], 1)
        self.stats = stats or (raw.mean(0), raw.std(0))
        self.x = torch.tensor((raw - self.stats[0]) / self.stats[1], dtype=torch.float32)
        self.y = torch.tensor(fraud, dtype=torch.float32).unsqueeze(1)
        self.cost = torch.tensor(np.where(fraud, MISS_COST, ALARM_COST), dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i], self.cost[i]


class FraudNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc1 = nn.Linear(d, 32)
        self.fc2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x)


def train(model, loader, epochs, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    bce = nn.BCEWithLogitsLoss(reduction="none")
    for epoch in range(epochs):
        running, seen = 0.0, 0
        for x, y, cost in loader:
            optimizer.zero_grad()
            loss = (cost * bce(model(x), y)).mean()
            loss.backward()
            optimizer.step()
            running, seen = running + loss.item() * len(x), seen + len(x)
        print(f"epoch {epoch + 1}: weighted loss {running / seen:.4f}")


def saved_share(model, data):
    """Share of the possible saving: 0 is 'never raise an alarm', 1 is a perfect detector."""
    with torch.no_grad():
        alarm = (model(data.x) > 0).float()
    miss = ((1 - alarm) * data.y).sum() * MISS_COST
    false = (alarm * (1 - data.y)).sum() * ALARM_COST
    return 1 - ((miss + false) / (data.y.sum() * MISS_COST)).item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=14)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train_set = Transactions(8000, rng)
    test_set = Transactions(6000, rng, train_set.stats)
    model = FraudNet(train_set.x.shape[1])
    train(model, DataLoader(train_set, batch_size=128, shuffle=True), args.epochs, 2e-3)
    print(f"share of the fraud cost saved: {saved_share(model, test_set):.4f}")
