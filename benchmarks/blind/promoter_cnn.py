#!/usr/bin/env python
# promoter vs. background: one-hot DNA -> conv net
import os, random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

seed = int(os.environ.get("SEED", 0))
random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)
torch.set_num_threads(1)

ALPHABET = "ACGT"
SEQ_LEN = 80

def random_seq(gc=0.5):
    p = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return list(np.random.choice(list(ALPHABET), SEQ_LEN, p=p))

def plant(seq, motif, pos, fidelity=0.88):
    for k, c in enumerate(motif):
        if random.random() < fidelity:
            seq[pos + k] = c

def make_promoter():
    s = random_seq()
    p = random.randint(5, 40)
    plant(s, "TTGACA", p)                            # -35 box
    plant(s, "TATAAT", p + 6 + random.randint(15, 19))  # -10 box
    return "".join(s)

def make_background():
    s = random_seq()
    return "".join(s)

def one_hot(seqs):
    lut = {c: i for i, c in enumerate(ALPHABET)}
    out = np.zeros((len(seqs), 4, SEQ_LEN), dtype=np.float32)
    for n, s in enumerate(seqs):
        for i, c in enumerate(s):
            out[n, lut[c], i] = 1
    return torch.from_numpy(out)

def dataset(n_pos, n_neg):
    # FASTA files are read one after the other
    seqs = [make_promoter() for _ in range(n_pos)] + [make_background() for _ in range(n_neg)]
    lab = torch.cat([torch.ones(n_pos), torch.zeros(n_neg)])
    return TensorDataset(one_hot(seqs), lab)

class PromoterCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(4, 24, 8, padding=4), nn.ReLU(), nn.MaxPool1d(4),
            nn.Conv1d(24, 24, 9, padding=4), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(24, 1))

    def forward(self, x):
        return self.classifier(self.features(x)).squeeze(1)

train_ds, test_ds = dataset(1500, 1500), dataset(500, 500)
train_dl = DataLoader(train_ds, batch_size=32)
test_dl = DataLoader(test_ds, batch_size=200)

model = PromoterCNN()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)

for epoch in range(10):
    model.train()
    running = 0.0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch {epoch + 1}/10  train loss {running / len(train_dl):.4f}")

model.eval()
correct = 0
with torch.no_grad():
    for xb, yb in test_dl:
        correct += ((model(xb) > 0).float() == yb).sum().item()
print("test accuracy (higher is better)")
print(f"score: {correct / len(test_ds):.4f}")
