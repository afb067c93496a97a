"""Tag parts of free-form postal addresses with self-attention over word features."""
import argparse
import random
import torch
from torch import nn

TAGS = ["PAD", "NAME", "NUMBER", "STREET", "CITY", "ZIP", "UNIT"]
FIRST = ["anna", "john", "maria", "paris", "lee", "jackson", "georgia", "austin", "chelsea", "madison"]
LAST = ["smith", "kim", "houston", "garcia", "lincoln", "denver", "young", "hill", "park", "rivers"]
STREET = ["oak", "main", "lincoln", "park", "hill", "jackson", "madison", "lake", "rivers", "paris"]
KIND = ["st", "ave", "road", "lane"]
CITY = ["paris", "houston", "austin", "denver", "madison", "jackson", "lincoln", "georgia", "chelsea"]
UNIT = ["apt", "unit", "suite", "floor"]


def example(rng):
    def number(a, b):
        return str(rng.randint(a, b))
    name = [(rng.choice(FIRST), "NAME")] + ([(rng.choice(LAST), "NAME")] if rng.random() < 0.8 else [])
    street = [(number(1, 99), "NUMBER"), (rng.choice(STREET), "STREET"), (rng.choice(KIND), "STREET")]
    unit = [(rng.choice(UNIT), "UNIT"), (number(1, 99), "UNIT")] if rng.random() < 0.4 else []
    place = [(rng.choice(CITY), "CITY"), (number(1, 99), "ZIP")]
    r = rng.random()
    if r < 0.5:
        parts = [name, street, unit, place]
    elif r < 0.75:
        parts = [unit, street, place, name]
    else:
        parts = [street, place] if rng.random() < 0.5 else [place, street, name]
    words = [p for part in parts for p in part]
    return [w for w, _ in words], [t for _, t in words]


class Collate:
    def __init__(self, vocab):
        self.vocab = vocab

    def __call__(self, items, length=14):
        x = torch.zeros(len(items), length, dtype=torch.long)
        y = torch.zeros(len(items), length, dtype=torch.long)
        for i, (w, t) in enumerate(items):
            x[i, : len(w)] = torch.tensor([self.vocab[v] for v in w])
            y[i, : len(t)] = torch.tensor([TAGS.index(v) for v in t])
        return x, y, x != 0


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x, mask):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, key_padding_mask=mask, need_weights=False)[0]
        return x + self.ff(self.norm2(x))


class Tagger(nn.Module):
    def __init__(self, vocab, d=48, heads=4, depth=2, length=14):
        super().__init__()
        self.word = nn.Embedding(vocab, d, padding_idx=0)
        self.pos = nn.Parameter(torch.randn(length, d) * 0.1)
        self.blocks = nn.ModuleList([Block(d, heads) for _ in range(depth)])
        self.out = nn.Linear(d, len(TAGS))

    def forward(self, x, mask):
        h = self.word(x) + self.pos[: x.size(1)]
        for b in self.blocks:
            h = b(h, mask)
        return self.out(h)


def sentence_accuracy(model, data, collate):
    model.eval()
    good = 0
    with torch.no_grad():
        for i in range(0, len(data), 100):
            x, y, mask = collate(data[i:i + 100])
            ok = (model(x, mask).argmax(-1) == y) | (y == 0)
            good += ok.all(1).sum().item()
    return good / len(data)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=8)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    train, test = [example(rng) for _ in range(2000)], [example(rng) for _ in range(500)]
    words = sorted(set(FIRST + LAST + STREET + KIND + CITY + UNIT)) + [str(i) for i in range(1, 100)]
    collate = Collate({w: i + 1 for i, w in enumerate(words)})
    model = Tagger(len(words) + 1)
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.CrossEntropyLoss(ignore_index=0)
    for epoch in range(a.epochs):
        model.train()
        rng.shuffle(train)
        tot = 0.0
        for i in range(0, len(train), 40):
            x, y, mask = collate(train[i:i + 40])
            loss = loss_fn(model(x, mask).flatten(0, 1), y.flatten())
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        print(f"epoch {epoch} loss {tot / (len(train) / 40):.4f}")
    print(f"exact-match accuracy: {sentence_accuracy(model, test, collate):.4f}")


main()
