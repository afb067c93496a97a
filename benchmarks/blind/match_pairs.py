"""Learn an embedding for handwritten symbols from same/different pairs, then look up by nearest neighbour."""
import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


class PairData(Dataset):
    def __init__(self, x, y, n_pairs):
        self.x, self.y = x, y
        by_class = [np.flatnonzero(y == c) for c in range(10)]
        self.pairs = []
        for _ in range(n_pairs):
            i = rng.integers(len(y))
            if rng.random() < 0.5:
                j = rng.choice(by_class[y[i]])
            else:
                c = (y[i] + rng.integers(1, 10)) % 10
                j = rng.choice(by_class[c])
            self.pairs.append((i, j, int(y[i] == y[j])))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        i, j, same = self.pairs[k]
        return self.x[i], self.x[j], same


class Encoder(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(),
            nn.Conv2d(12, 24, 3, padding=1, stride=2), nn.ReLU())
        self.head = nn.Linear(24 * 16, dim)

    def forward(self, x):
        return self.head(self.conv(x).flatten(1))


digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0
x = (x - x.mean()) / x.std()
y = digits.target
order = rng.permutation(len(y))
tr, te = order[:900], order[900:]

ds = PairData(x[tr], y[tr], 8000)
dl = DataLoader(ds, batch_size=64, shuffle=True)
enc = Encoder()
criterion = nn.CosineEmbeddingLoss(margin=0.2)
opt = torch.optim.Adam(enc.parameters(), lr=1e-3)

for epoch in range(4):
    enc.train()
    avg = 0.0
    for a, b, same in dl:
        loss = criterion(enc(a), enc(b), same)
        opt.zero_grad()
        loss.backward()
        opt.step()
        avg += loss.item()
    print(f"epoch {epoch}  loss {avg / len(dl):.4f}")

enc.eval()
with torch.no_grad():
    e_tr = F.normalize(enc(x[tr]), dim=1).numpy()
    e_te = F.normalize(enc(x[te]), dim=1).numpy()
knn = KNeighborsClassifier(5).fit(e_tr, y[tr])
print(f"score: {knn.score(e_te, y[te]):.4f}")
