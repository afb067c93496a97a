import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler


class DigitSet(Dataset):
    def __init__(self, images, labels, train):
        self.images = torch.from_numpy(images).float().unsqueeze(1) / 16.0
        self.labels = torch.from_numpy(labels).long()
        self.train = train

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = self.images[i]
        if self.train:
            dx, dy = np.random.randint(-1, 2, 2)
            x = torch.roll(x, (int(dx), int(dy)), (1, 2))
            x = x + 0.05 * torch.randn_like(x)
        return x, self.labels[i]


class CNN(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 4, 64)
        self.fc2 = nn.Linear(64, n_classes)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop(F.relu(self.fc1(x.flatten(1))))
        return self.fc2(x)


def load(seed):
    digits = load_digits()
    xtr, xte, ytr, yte = train_test_split(
        digits.images, digits.target, test_size=0.3, random_state=seed, stratify=digits.target)
    rng = np.random.default_rng(seed)
    keep = []
    for c in range(10):
        idx = np.flatnonzero(ytr == c)
        frac = 1.0 if c < 5 else 0.25
        keep.append(rng.permutation(idx)[: int(frac * len(idx))])
    keep = rng.permutation(np.concatenate(keep))
    return DigitSet(xtr[keep], ytr[keep], True), DigitSet(xte, yte, False)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    preds, gold = [], []
    for x, y in loader:
        preds.append(model(x).argmax(1))
        gold.append(y)
    return balanced_accuracy_score(torch.cat(gold).numpy(), torch.cat(preds).numpy())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=20)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    np.random.seed(a.seed)

    train_set, test_set = load(a.seed)
    counts = torch.bincount(train_set.labels, minlength=10).float()
    class_weights = 1.0 / counts
    sampler = WeightedRandomSampler(class_weights, num_samples=len(train_set), replacement=True)
    train_loader = DataLoader(train_set, batch_size=32, sampler=sampler)
    test_loader = DataLoader(test_set, batch_size=256)

    model = CNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(a.epochs):
        model.train()
        running, correct, seen = 0.0, 0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            out = model(x)
            loss = criterion(out, y)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
            seen += len(y)
        print(f"epoch {epoch:02d} loss {running / seen:.4f} acc {correct / seen:.3f} "
              f"val {evaluate(model, test_loader):.3f}")
    print(f"balanced accuracy {evaluate(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
