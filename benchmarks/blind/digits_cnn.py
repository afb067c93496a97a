import argparse
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
np.random.seed(args.seed)
torch.set_num_threads(1)

config = {
    "channels": [16, 32],
    "hidden": 64,
    "hidden_act": "relu",
    "out_act": "softmax",
    "lr": 0.02,
    "momentum": 0.9,
    "batch_size": 64,
    "epochs": 14,
}

ACTS = {
    "relu": lambda: nn.ReLU(),
    "sigmoid": lambda: nn.Sigmoid(),
    "softmax": lambda: nn.Softmax(dim=1),
    "none": lambda: nn.Identity(),
}


class Net(nn.Module):
    def __init__(self, cfg, n_classes=10):
        super().__init__()
        c1, c2 = cfg["channels"]
        act = ACTS[cfg["hidden_act"]]
        self.features = nn.Sequential(
            nn.Conv2d(1, c1, 3, padding=1), act(), nn.MaxPool2d(2),
            nn.Conv2d(c1, c2, 3, padding=1), act(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(c2 * 4, cfg["hidden"]), act(),
            nn.Linear(cfg["hidden"], n_classes),
            ACTS[cfg["out_act"]](),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


digits = load_digits()
X = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(digits.target)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.25, random_state=args.seed, stratify=y)
train_loader = DataLoader(TensorDataset(X_tr, y_tr), batch_size=config["batch_size"], shuffle=True)
test_loader = DataLoader(TensorDataset(X_te, y_te), batch_size=256)

model = Net(config)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=config["momentum"])


def test():
    model.eval()
    hits = 0
    with torch.no_grad():
        for xb, yb in test_loader:
            hits += (model(xb).argmax(1) == yb).sum().item()
    return hits / len(test_loader.dataset)


for epoch in range(config["epochs"]):
    model.train()
    total = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    print(f"epoch {epoch + 1}  loss {total / len(X_tr):.4f}  test acc {test():.3f}")

print(f"accuracy {test():.4f}")
