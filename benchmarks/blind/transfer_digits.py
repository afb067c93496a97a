"""Pretrain a small CNN on digits 0-4, then reuse it for digits 5-9 with few samples."""
import argparse
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits


def small_cnn(n_out):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(),
        nn.Linear(64, n_out),
    )


def load(classes):
    d = load_digits()
    keep = np.isin(d.target, classes)
    x = torch.tensor(d.images[keep] / 16.0, dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(d.target[keep] - min(classes))
    p = torch.randperm(len(x))
    return x[p], y[p]


def fit(model, x, y, optimizer, epochs, batch=32, tag=""):
    crit = nn.CrossEntropyLoss()
    for ep in range(epochs):
        model.train()
        run = 0.0
        for idx in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = crit(model(x[idx]), y[idx])
            loss.backward()
            optimizer.step()
            run += loss.item() * len(idx)
        if ep % 5 == 4:
            print(f"{tag} epoch {ep + 1} loss {run / len(x):.4f}")


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return (model(x).argmax(1) == y).float().mean().item()


def set_finetuning(model, n_classes):
    model[-1] = nn.Linear(64, n_classes)
    for param in list(model.parameters())[:-1]:
        param.requires_grad = False
    return model


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)

xs, ys = load([0, 1, 2, 3, 4])
base = small_cnn(5)
fit(base, xs, ys, torch.optim.Adam(base.parameters(), lr=2e-3), 10, tag="pretrain")
print("source accuracy", round(accuracy(base, xs, ys), 3))

xt, yt = load([5, 6, 7, 8, 9])
x_train, y_train, x_test, y_test = xt[:250], yt[:250], xt[250:], yt[250:]
model = set_finetuning(base, 5)
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=2e-3)
fit(model, x_train, y_train, optimizer, 80, tag="finetune")
print(f"target accuracy {accuracy(model, x_test, y_test):.4f}")
