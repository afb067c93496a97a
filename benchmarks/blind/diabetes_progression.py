"""Predict disease progression one year after baseline (sklearn diabetes)."""
import argparse

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DiabetesData(Dataset):
    def __init__(self, features, target):
        self.features = torch.as_tensor(features, dtype=torch.float32)
        self.target = torch.as_tensor(target, dtype=torch.float32)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, i):
        return self.features[i], self.target[i]


class RMSELoss(nn.Module):
    def __init__(self, eps=1e-6):
        super().__init__()
        self.eps = eps

    def forward(self, yhat, y):
        return torch.sqrt(((yhat - y) ** 2).mean() + self.eps)


class Regressor(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 32)
        self.fc2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = self.drop(x)
        x = torch.relu(self.fc2(x))
        return self.out(x)


def r2(model, ds):
    model.eval()
    with torch.no_grad():
        pred = model(ds.features).flatten()
    res = ((pred - ds.target) ** 2).sum()
    tot = ((ds.target - ds.target.mean()) ** 2).sum()
    return (1 - res / tot).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=60)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    X, y = load_diabetes(return_X_y=True)
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.25, random_state=args.seed)
    sx = StandardScaler().fit(Xtr)
    sy = StandardScaler().fit(ytr[:, None])
    train = DiabetesData(sx.transform(Xtr), sy.transform(ytr[:, None])[:, 0])
    test = DiabetesData(sx.transform(Xte), sy.transform(yte[:, None])[:, 0])
    loader = DataLoader(train, batch_size=32, shuffle=True)

    model = Regressor(X.shape[1])
    criterion = RMSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)

    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1:3d}  rmse {running / len(loader):.3f}  test r2 {r2(model, test):.3f}")
    print(f"R2 {r2(model, test):.4f}")


if __name__ == "__main__":
    main()
