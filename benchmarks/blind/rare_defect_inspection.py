"""Steel strip inspection: small grey patches, three kinds of defects that are much rarer than clean steel."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch-size", type=int, default=64)
opt = parser.parse_args()
torch.manual_seed(opt.seed)
rng = np.random.default_rng(opt.seed)

NAMES = ["clean", "scratch", "inclusion", "scale"]
PRIOR = [0.88, 0.05, 0.04, 0.03]
S = 20


def patch(kind):
    base = rng.normal(0.5, 0.05) + rng.normal(0, 0.04, (S, S))
    base += 0.03 * np.sin(np.arange(S)[:, None] * rng.uniform(0.5, 1.2) + rng.uniform(0, 6))
    yy, xx = np.mgrid[:S, :S]
    if kind == 1:
        a = rng.uniform(0, np.pi)
        d = (xx - rng.uniform(6, 14)) * np.cos(a) + (yy - rng.uniform(6, 14)) * np.sin(a)
        base += rng.uniform(0.15, 0.3) * np.exp(-d ** 2 / 1.2)
    elif kind == 2:
        r2 = (xx - rng.uniform(5, 15)) ** 2 + (yy - rng.uniform(5, 15)) ** 2
        base -= rng.uniform(0.2, 0.35) * np.exp(-r2 / rng.uniform(3, 9))
    elif kind == 3:
        blob = rng.normal(0, 1, (S // 4, S // 4)).repeat(4, 0).repeat(4, 1)
        base += 0.1 * blob
    return base.astype(np.float32)


def collect(n, prior):
    labels = rng.choice(4, size=n, p=prior)
    return np.stack([patch(k) for k in labels])[:, None], labels


class PatchNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.b1 = nn.BatchNorm2d(16)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.b2 = nn.BatchNorm2d(32)
        self.fc1 = nn.Linear(32 * 25, 48)
        self.fc2 = nn.Linear(48, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.b2(self.c2(x))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


x_train, y_train = collect(3000, PRIOR)
x_test, y_test = collect(800, [0.25] * 4)
m, s = x_train.mean(), x_train.std()
train_set = TensorDataset(torch.from_numpy((x_train - m) / s), torch.from_numpy(y_train))

counts = np.bincount(y_train, minlength=4)
class_weights = torch.tensor(1.0 / counts, dtype=torch.double)
print("class counts", dict(zip(NAMES, counts.tolist())))
sampler = WeightedRandomSampler(class_weights, num_samples=len(train_set), replacement=True)
train_loader = DataLoader(train_set, batch_size=opt.batch_size, sampler=sampler)

net = PatchNet()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-3)
for epoch in range(opt.epochs):
    net.train()
    total, correct, seen = 0.0, 0, 0
    for xb, yb in train_loader:
        optimizer.zero_grad(set_to_none=True)
        logits = net(xb)
        loss = F.cross_entropy(logits, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
        correct += (logits.argmax(1) == yb).sum().item()
        seen += len(yb)
    print(f"epoch {epoch}: loss {total / seen:.4f} train acc {correct / seen:.3f}")

net.eval()
with torch.no_grad():
    pred = net(torch.from_numpy((x_test - m) / s)).argmax(1).numpy()
print(f"balanced accuracy on the test patches: {balanced_accuracy_score(y_test, pred):.4f}")
