"""Polarity of short product reviews with negation, BiLSTM over packed sequences."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)

POS = "great lovely sturdy fast bright quiet crisp comfy handy neat".split()
NEG = "awful flimsy slow noisy dull broken itchy clumsy cheap rough".split()
NOUN = "battery screen strap cable motor zipper handle lid fabric button".split()
FILL = "the a my this was is and very quite really it with after week of use".split()
VOCAB = ["<pad>", "not"] + POS + NEG + NOUN + FILL
IDX = {w: i for i, w in enumerate(VOCAB)}


@dataclass
class Config:
    emb: int = 32
    hidden: int = 32
    batch: int = 32
    epochs: int = 4
    lr: float = 3e-3


class Reviews(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.items = []
        for _ in range(n):
            words, score = [], 0
            clauses = rng.integers(1, 5)
            while True:
                words, score = [], 0
                for _ in range(clauses):
                    words += list(rng.choice(FILL, rng.integers(1, 4)))
                    words.append(rng.choice(NOUN))
                    good = rng.random() < 0.5
                    flip = rng.random() < 0.35
                    if flip:
                        words.append("not")
                    words.append(rng.choice(POS if good else NEG))
                    score += 1 if good != flip else -1
                if score != 0:
                    break
            self.items.append((torch.tensor([IDX[w] for w in words]), int(score > 0)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    seqs, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in seqs])
    return pad_sequence(seqs, batch_first=True), lengths, torch.tensor(labels)


class BiLSTM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.emb = nn.Embedding(len(VOCAB), cfg.emb, padding_idx=0)
        self.lstm = nn.LSTM(cfg.emb, cfg.hidden, batch_first=True, bidirectional=True)
        self.out = nn.Sequential(nn.Dropout(0.1), nn.Linear(2 * cfg.hidden, 2))

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.emb(ids), lengths, batch_first=True, enforce_sorted=False)
        _, (h_n, _) = self.lstm(packed)
        sentence = h_n.view(ids.size(0), -1)
        return self.out(sentence)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    hit = tot = 0
    for ids, lengths, y in loader:
        hit += (model(ids, lengths).argmax(1) == y).sum().item()
        tot += len(y)
    model.train()
    return hit / tot


def run(seed, cfg):
    torch.manual_seed(seed)
    train = DataLoader(Reviews(3000, seed), cfg.batch, shuffle=True, collate_fn=collate)
    test = DataLoader(Reviews(800, 10_000), cfg.batch, collate_fn=collate)
    model = BiLSTM(cfg)
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(cfg.epochs):
        total = 0.0
        for ids, lengths, y in train:
            opt.zero_grad()
            loss = criterion(model(ids, lengths), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train):.4f} acc {evaluate(model, test):.3f}")
    return evaluate(model, test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    print(f"test accuracy {run(parser.parse_args().seed, Config()):.4f}")
