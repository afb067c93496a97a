"""Tabular classifier with feature tokens; forest cover-like synthetic data."""
import argparse
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import QuantileTransformer


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * d, d))

    def forward(self, x):
        return x + self.ff(self.norm(x))


class TabNet(nn.Module):
    def __init__(self, n_in, n_classes, d=64, depth=3):
        super().__init__()
        self.inp = nn.Linear(n_in, d)
        self.blocks = nn.Sequential(*[Block(d) for _ in range(depth)])
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, n_classes))

    def forward(self, x):
        return self.head(self.blocks(self.inp(x)))


class Trainer:
    def __init__(self, model, train_loader, test_loader, epochs=12, max_lr=2e-3):
        self.model, self.train_loader, self.test_loader, self.epochs = model, train_loader, test_loader, epochs
        self.optimizer = torch.optim.SGD(model.parameters(), lr=max_lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
        self.scheduler = OneCycleLR(self.optimizer, max_lr=max_lr * 25, epochs=epochs,
                                    steps_per_epoch=len(train_loader), div_factor=1000)
        self.criterion = nn.CrossEntropyLoss()

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for x, y in self.train_loader:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        self.scheduler.step()
        return total / len(self.train_loader)

    @torch.no_grad()
    def test(self):
        self.model.eval()
        ok = sum((self.model(x).argmax(1) == y).sum().item() for x, y in self.test_loader)
        return ok / len(self.test_loader.dataset)

    def fit(self):
        for ep in range(self.epochs):
            loss = self.train_epoch()
            print(f"{ep:2d} loss={loss:.4f} acc={self.test():.4f} lr={self.optimizer.param_groups[0]['lr']:.2e}")


def get_data(seed, bs=64):
    X, y = make_classification(n_samples=5000, n_features=24, n_informative=10, n_redundant=6, n_classes=5,
                               n_clusters_per_class=2, class_sep=1.4, random_state=seed)
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.25, random_state=seed)
    qt = QuantileTransformer(output_distribution="normal", n_quantiles=500, random_state=seed).fit(Xtr)
    mk = lambda a, b: TensorDataset(torch.tensor(qt.transform(a), dtype=torch.float32), torch.tensor(b))
    return DataLoader(mk(Xtr, ytr), batch_size=bs, shuffle=True), DataLoader(mk(Xte, yte), batch_size=500)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    tr, te = get_data(args.seed)
    trainer = Trainer(TabNet(24, 5), tr, te)
    trainer.fit()
    print(f"test accuracy {trainer.test():.4f}")
