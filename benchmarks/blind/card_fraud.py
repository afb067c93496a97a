"""Card fraud detection, about 2 percent positives."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import f1_score, recall_score


def transactions(n, rng):
    fraud = (rng.random(n) < 0.03).astype(np.float32)
    amount = np.exp(rng.normal(3.2 + 0.8 * fraud, 1.0))
    hour = np.where(fraud, rng.normal(2, 4, n), rng.normal(14, 4, n)) % 24
    dist = rng.gamma(1.5 + 2.0 * fraud, 10)
    n_last = rng.poisson(1.0 + 2.5 * fraud)
    foreign = rng.random(n) < (0.05 + 0.45 * fraud)
    online = rng.random(n) < (0.3 + 0.4 * fraud)
    age_days = rng.exponential(600 - 350 * fraud)
    noise = rng.normal(0, 1, (n, 6))
    x = np.column_stack([np.log(amount), np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), dist, n_last,
                         foreign, online, age_days, noise])
    return x.astype(np.float32), fraud


class FraudNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)


def make_criterion(y):
    n_pos = y.sum()
    n_neg = len(y) - n_pos
    weight = n_pos / n_neg
    print("pos weight", float(weight))
    return nn.BCEWithLogitsLoss(pos_weight=torch.tensor(float(weight)))


def main(args):
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = transactions(12000, rng)
    xt, yt = transactions(5000, rng)
    m, s = x.mean(0), x.std(0)
    x, xt = (x - m) / s, (xt - m) / s
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=128, shuffle=True)
    model = FraudNet(x.shape[1])
    criterion = make_criterion(y)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(args.epochs):
        model.train()
        total, hits = 0.0, 0
        for xb, yb in loader:
            optimizer.zero_grad()
            logits = model(xb)
            loss = criterion(logits, yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
            hits += ((logits > 0) == (yb > 0.5)).sum().item()
        model.eval()
        with torch.no_grad():
            pred = (torch.sigmoid(model(torch.from_numpy(xt))) > 0.5).numpy()
        print(f"epoch {epoch + 1} loss {total / len(x):.5f} train acc {hits / len(x):.4f} recall {recall_score(yt, pred):.3f}")
    print(f"test F1 {f1_score(yt, pred):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=8)
    torch.set_num_threads(1)
    main(ap.parse_args())
