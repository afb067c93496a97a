"""Digit classification, mixed precision on CPU, SGD with clipping and a loss scaler."""
import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


class ResBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.GroupNorm(4, c), nn.ReLU(),
                                  nn.Conv2d(c, c, 3, padding=1), nn.GroupNorm(4, c))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Trainer:
    def __init__(self, model, lr=0.05, max_norm=1.0):
        self.model = model
        self.opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
        self.scaler = torch.amp.GradScaler("cpu")
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
        self.max_norm = max_norm

    def step(self, x, y):
        self.opt.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = self.criterion(self.model(x), y)
        self.scaler.scale(loss).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.scaler.unscale_(self.opt)
        self.scaler.step(self.opt)
        self.scaler.update()
        return loss.item()

    def fit(self, loader, epochs):
        for epoch in range(epochs):
            losses = [self.step(x, y) for x, y in loader]
            print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}")

    @torch.no_grad()
    def accuracy(self, x, y):
        self.model.eval()
        acc = (self.model(x).argmax(1) == y).float().mean().item()
        self.model.train()
        return acc


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    seed = ap.parse_args().seed
    torch.manual_seed(seed)
    d = load_digits()
    xtr, xte, ytr, yte = train_test_split(d.images, d.target, test_size=0.3, random_state=seed, stratify=d.target)
    to = lambda a: torch.tensor(a, dtype=torch.float32).unsqueeze(1) / 8 - 1
    loader = DataLoader(TensorDataset(to(xtr), torch.tensor(ytr)), 32, shuffle=True)
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), ResBlock(16), nn.MaxPool2d(2), ResBlock(16),
                        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))
    trainer = Trainer(net)
    trainer.fit(loader, 6)
    print(f"test accuracy {trainer.accuracy(to(xte), torch.tensor(yte)):.4f}")


if __name__ == "__main__":
    main()
