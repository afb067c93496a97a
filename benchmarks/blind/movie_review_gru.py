# Sentiment of short reviews, moved from tf.keras (pad_sequences + Embedding + GRU + Dense) to torch.
import argparse
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
args = p.parse_args()
random.seed(args.seed)
torch.manual_seed(args.seed)
torch.set_num_threads(1)

GOOD = "great lovely superb moving funny brilliant charming gripping".split()
BAD = "awful boring dull clumsy tedious weak terrible lazy".split()
NEUTRAL = ("the a film movie plot actor scene director music of and was is with it this that story "
           "ending character camera script in one some very quite").split()
NEG = ["not", "never", "hardly"]
VOCAB = {w: i + 1 for i, w in enumerate(GOOD + BAD + NEUTRAL + NEG)}
MAXLEN = 60


def review():
    label = random.randint(0, 1)
    length = random.choice([6, 8, 10, 12, 14, 18, 60]) if random.random() < 0.3 else random.randint(6, 14)
    words = [random.choice(NEUTRAL) for _ in range(length)]
    for _ in range(random.randint(2, 3)):
        polar = label if random.random() < 0.9 else 1 - label
        pos = random.randrange(1, length)
        if random.random() < 0.4:
            words[pos - 1] = random.choice(NEG)
            words[pos] = random.choice(BAD if polar else GOOD)
        else:
            words[pos - 1] = random.choice(["very", "quite", "is"])
            words[pos] = random.choice(GOOD if polar else BAD)
    return [VOCAB[w] for w in words], label


def pad_sequences(seqs, maxlen):
    seqs = [torch.tensor(s[-maxlen:]) for s in seqs]
    out = pad_sequence(seqs, batch_first=True, padding_value=0)
    return out


def dataset(n):
    rows = [review() for _ in range(n)]
    return pad_sequences([r[0] for r in rows], MAXLEN), torch.tensor([float(r[1]) for r in rows])


class SentimentGRU(nn.Module):
    def __init__(self, vocab, dim=24, units=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab + 1, dim, padding_idx=0)
        self.gru = nn.GRU(dim, units, batch_first=True)
        self.dense = nn.Linear(units, 1)

    def forward(self, x):
        seq, _ = self.gru(self.embedding(x))
        return self.dense(seq[:, -1]).squeeze(-1)


x_train, y_train = dataset(3000)
x_val, y_val = dataset(1000)
model = SentimentGRU(len(VOCAB))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(7):
    model.train()
    perm = torch.randperm(len(x_train))
    running = 0.0
    for i in range(0, len(perm), 64):
        idx = perm[i:i + 64]
        optimizer.zero_grad()
        loss = criterion(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        acc = ((model(x_val) > 0).float() == y_val).float().mean().item()
    print(f"epoch {epoch} loss {running / (len(perm) / 64):.3f} val_acc {acc:.3f}")
print(f"val accuracy {acc:.4f}")
