"""Routing of support tickets to a team with a small transformer encoder."""
import argparse
import math
import random

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR

torch.set_num_threads(1)

PRODUCTS = "router laptop printer phone tablet camera monitor headset".split()
TEAMS = {
    "billing": (["invoice", "refund", "charged", "payment", "card", "subscription"], ["twice", "wrong", "late", "missing"]),
    "network": (["wifi", "signal", "vpn", "connection", "latency"], ["drops", "slow", "unstable", "lost"]),
    "hardware": (["screen", "battery", "fan", "keyboard", "cable"], ["broken", "hot", "noisy", "loose"]),
    "account": (["password", "login", "email", "profile"], ["locked", "expired", "unknown", "wrong"]),
}
FILLER = "hello please i have the a my with since yesterday help and it is was on after update again we team thanks".split()
VOCAB = ["<pad>", "<cls>"] + sorted(set(PRODUCTS + FILLER + [w for n, a in TEAMS.values() for w in n + a]))
STOI = {w: i for i, w in enumerate(VOCAB)}
LABELS = list(TEAMS)
MAXLEN = 24


def ticket(rng):
    label = rng.randrange(len(LABELS))
    other = rng.choice([k for k in range(len(LABELS)) if k != label])
    nouns, adjs = TEAMS[LABELS[label]]
    # the subject of the ticket is the noun directly before a complaint word
    words = [rng.choice(FILLER) for _ in range(rng.randint(4, 10))]
    pos = rng.randint(0, len(words))
    words[pos:pos] = [rng.choice(nouns), rng.choice(adjs)]
    pos = rng.randint(0, len(words))
    if pos and words[pos - 1] not in nouns:
        words[pos:pos] = [rng.choice(TEAMS[LABELS[other]][0]), rng.choice(PRODUCTS)]
    ids = [STOI["<cls>"]] + [STOI[w] for w in words][: MAXLEN - 1]
    return ids + [0] * (MAXLEN - len(ids)), label


def dataset(n, seed):
    rng = random.Random(seed)
    x, y = zip(*(ticket(rng) for _ in range(n)))
    return torch.tensor(x), torch.tensor(y)


class Encoder(nn.Module):
    def __init__(self, vocab, d=48, heads=4, layers=2, n_out=4):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.pos = nn.Parameter(torch.randn(MAXLEN, d) * 0.1)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, n_out)

    def forward(self, ids):
        h = self.enc(self.emb(ids) + self.pos, src_key_padding_mask=ids == 0)
        return self.head(h[:, 0])


def train(model, x, y, epochs, batch, peak_lr, warmup):
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak_lr, weight_decay=0.01)

    def rate(step):
        step += 1
        return peak_lr * min(step / warmup, math.sqrt(warmup / step))

    scheduler = LambdaLR(optimizer, rate)
    loss_fn = nn.CrossEntropyLoss()
    step = 0
    for epoch in range(epochs):
        model.train()
        for idx in torch.randperm(len(x)).split(batch):
            loss = loss_fn(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            step += 1
            if step % 50 == 0:
                print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    xtr, ytr = dataset(3000, args.seed)
    xte, yte = dataset(1000, args.seed + 77)
    model = Encoder(len(VOCAB))
    train(model, xtr, ytr, epochs=5, batch=50, peak_lr=2e-3, warmup=40)
    model.eval()
    with torch.no_grad():
        acc = (model(xte).argmax(1) == yte).float().mean().item()
    print(f"test accuracy {acc:.4f}")
