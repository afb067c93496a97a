import argparse
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
random.seed(args.seed)
np.random.seed(args.seed)


class SiameseDataset(Dataset):
    def __init__(self, images, labels, length):
        self.images, self.labels, self.length = images, labels, length
        self.by_class = {c: np.flatnonzero(labels == c) for c in np.unique(labels)}

    def __len__(self):
        return self.length

    def __getitem__(self, _):
        i = random.randrange(len(self.images))
        c = self.labels[i]
        if random.random() < 0.5:
            j = random.choice(self.by_class[c])
            same = 1.0
        else:
            other = random.choice([k for k in self.by_class if k != c])
            j = random.choice(self.by_class[other])
            same = 0.0
        return self.images[i], self.images[j], torch.tensor(same)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten())
        self.fc = nn.Linear(32 * 16, 16)

    def forward(self, x):
        return self.fc(self.cnn(x))


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, a, b, same):
        dist = torch.sqrt(torch.sum((a - b) ** 2, dim=1))
        pull = same * dist ** 2
        push = (1 - same) * F.relu(self.margin - dist) ** 2
        return (pull + push).mean()


d = load_digits()
order = np.random.permutation(len(d.target))
images = torch.tensor(d.images[order] / 16.0, dtype=torch.float32).unsqueeze(1)
labels = d.target[order]
train_ds = SiameseDataset(images[:1200], labels[:1200], 6400)
loader = DataLoader(train_ds, batch_size=64)
net = Encoder()
criterion = ContrastiveLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def knn_accuracy():
    net.eval()
    with torch.no_grad():
        ref, q = net(images[:1200]), net(images[1200:])
        nearest = torch.cdist(q, ref).argmin(1).numpy()
    return float((labels[:1200][nearest] == labels[1200:]).mean())


for epoch in range(4):
    net.train()
    run = 0.0
    for a, b, same in loader:
        optimizer.zero_grad()
        loss = criterion(net(a), net(b), same)
        loss.backward()
        optimizer.step()
        run += loss.item()
    print(f"epoch {epoch} loss {run / len(loader):.4f} 1-nn {knn_accuracy():.3f}")
print(f"1-nn accuracy {knn_accuracy():.4f}")
