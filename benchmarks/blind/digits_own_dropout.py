"""Exercise sheet 5: 'Implement dropout and show that it regularises a deep MLP.'"""
import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


class MyDropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.keep = 1 - p

    def forward(self, x):
        if not self.training:
            return x
        mask = (torch.rand_like(x) < self.keep).float()
        return x * mask * self.keep


class DeepMLP(nn.Module):
    def __init__(self, width=128, depth=6, p=0.4):
        super().__init__()
        blocks, n = [], 64
        for _ in range(depth):
            blocks += [nn.Linear(n, width), nn.ReLU(), MyDropout(p)]
            n = width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(n, 10)
        for m in self.blocks:
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.blocks(x))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        acc = (model(x).argmax(1) == y).float().mean().item()
    model.train()
    return acc


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=32)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0 - 0.3) / 0.37
    x_tr, x_te, y_tr, y_te = train_test_split(images.astype(np.float32), labels, test_size=500,
                                              random_state=args.seed, stratify=labels)
    x_tr, x_te, y_tr, y_te = map(torch.from_numpy, (x_tr, x_te, y_tr, y_te))

    model = DeepMLP()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss_fn = nn.CrossEntropyLoss()
    model.train()
    for epoch in range(args.epochs):
        total = 0.0
        for idx in torch.randperm(len(x_tr)).split(32):
            optimizer.zero_grad()
            loss = loss_fn(model(x_tr[idx]), y_tr[idx])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(idx)
        if epoch % 5 == 4:
            print(f"Epoch {epoch + 1}: loss={total / len(x_tr):.4f} test={accuracy(model, x_te, y_te):.3f}")
    print(f"Test accuracy: {accuracy(model, x_te, y_te):.4f}")
