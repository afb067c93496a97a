"""Document classifier: sentence encoder (GRU) -> document GRU -> sentiment."""
import argparse
import random
import torch
import torch.nn as nn

POS = "great lovely tasty friendly perfect fresh cozy quick delicious clean".split()
NEG = "awful cold rude stale dirty slow bland noisy overpriced greasy".split()
NOUN = "soup waiter table wine fish dessert music service price bread room pasta".split()
VOCAB = {w: i + 1 for i, w in enumerate(POS + NEG + NOUN + "the was is not very and but we our so never quite".split())}


def sentence(pol, rng):
    negate = rng.random() < 0.4
    word = rng.choice(POS if pol != negate else NEG)
    s = ["the", rng.choice(NOUN), rng.choice(["was", "is"])]
    s += [rng.choice(["not", "never"])] if negate else []
    s += [rng.choice(["very", "so", "quite"])] if rng.random() < 0.5 else []
    s += [word]
    return [VOCAB[w] for w in s] + [0] * (6 - len(s))


def review(rng):
    label = rng.randrange(2)
    n = 5
    k = rng.choice([3, 4, 5])
    pols = [label == 1] * k + [label == 0] * (n - k)
    rng.shuffle(pols)
    return [sentence(p, rng) for p in pols], label


class SentenceEncoder(nn.Module):
    def __init__(self, vocab, emb=24, hid=24):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb, padding_idx=0)
        self.gru = nn.GRU(emb, hid, batch_first=True)

    def forward(self, s):
        return self.gru(self.emb(s))[1][0]


class DocumentModel(nn.Module):
    def __init__(self, vocab, hid=24):
        super().__init__()
        self.encoder = SentenceEncoder(vocab, hid=hid)
        self.doc = nn.GRU(hid, 16, batch_first=True)
        self.fc = nn.Linear(16, 2)

    def forward(self, docs):
        vectors = []
        for k in range(docs.shape[1]):
            v = self.encoder(docs[:, k])
            vectors.append(v.data)
        h = self.doc(torch.stack(vectors, 1))[1][0]
        return self.fc(h)


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = random.Random(args.seed)


def tensors(n):
    d = [review(rng) for _ in range(n)]
    return torch.tensor([a for a, _ in d]), torch.tensor([b for _, b in d])


xtr, ytr = tensors(1500)
xte, yte = tensors(600)
model = DocumentModel(len(VOCAB) + 1)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(12):
    total = 0
    for idx in torch.randperm(len(xtr)).split(50):
        optimizer.zero_grad()
        loss = loss_fn(model(xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        acc = (model(xte).argmax(1) == yte).float().mean().item()
    print(f"epoch {epoch} loss {total / 30:.4f} acc {acc:.3f}")
print(f"test accuracy {acc:.4f}")
