"""Sentiment of short product reviews with a small TransformerEncoder."""
import argparse
import math

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

GOOD = "great excellent love perfect sturdy fast reliable comfortable happy recommend".split()
BAD = "broken awful hate terrible flimsy slow useless uncomfortable angry refund".split()
NEUTRAL = ("the a this it product box arrived yesterday with charger cable for my desk kitchen and i bought "
           "one two because of price colour blue black size was is in store online delivery shop").split()
NOT = ["not", "never", "hardly"]
PAD, CLS = 0, 1
VOCAB = {w: i + 2 for i, w in enumerate(GOOD + BAD + NEUTRAL + NOT)}


def write_review(rng):
    label = int(rng.integers(0, 2))
    words, score = [], 0
    for _ in range(int(rng.integers(2, 5))):
        words += list(rng.choice(NEUTRAL, int(rng.integers(1, 6))))
        positive = bool(rng.random() < (0.85 if label else 0.15))
        negated = bool(rng.random() < 0.25)
        if negated:
            words.append(str(rng.choice(NOT)))
        words.append(str(rng.choice(GOOD if positive != negated else BAD)))
        score += 1 if positive else -1
    if score == 0:
        words.append(str(rng.choice(GOOD if label else BAD)))
        score = 1 if label else -1
    return words, int(score > 0)


class Reviews(torch.utils.data.Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.items = [write_review(rng) for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        words, y = self.items[i]
        return [CLS] + [VOCAB[w] for w in words], y


def collate(batch):
    longest = max(len(t) for t, _ in batch)
    ids = torch.full((len(batch), longest + 1), PAD)
    mask = torch.zeros(len(batch), longest + 1, dtype=torch.long)
    for i, (t, _) in enumerate(batch):
        ids[i, :len(t)] = torch.tensor(t)
        mask[i, :len(t)] = 1
    return ids, mask, torch.tensor([y for _, y in batch])


class SentimentNet(nn.Module):
    def __init__(self, vocab, d=48, heads=4, layers=2, max_len=64):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=PAD)
        pe = torch.zeros(max_len, d)
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)
        layer = nn.TransformerEncoderLayer(d, heads, 96, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, 2)

    def forward(self, ids, attention_mask):
        h = self.emb(ids) + self.pe[: ids.size(1)]
        h = self.enc(h, src_key_padding_mask=attention_mask.bool())
        return self.head(h[:, 0])


def evaluate(model, loader):
    model.eval()
    ok = n = 0
    with torch.no_grad():
        for ids, mask, y in loader:
            ok += (model(ids, mask).argmax(1) == y).sum().item()
            n += len(y)
    return ok / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=4)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    train = DataLoader(Reviews(3000, args.seed), 32, shuffle=True, collate_fn=collate)
    test = DataLoader(Reviews(1000, args.seed + 1000), 200, collate_fn=collate)
    model = SentimentNet(len(VOCAB) + 2)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(args.epochs):
        model.train()
        tot = 0.0
        for ids, mask, y in train:
            loss = nn.functional.cross_entropy(model(ids, mask), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        print(f"epoch {epoch} loss {tot / len(train):.4f} test acc {evaluate(model, test):.4f}")
    print(f"test accuracy {evaluate(model, test):.4f}")


if __name__ == "__main__":
    main()
