import os
import random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
torch.manual_seed(SEED)

PRODUCTS = "phone case charger lamp kettle chair desk bottle backpack headset".split()
GOOD = "great solid lovely perfect sturdy quick bright comfy".split()
BAD = "awful flimsy broken slow dim ugly noisy useless".split()
FILL = ("the a it this my was came with and in for of to on box shop day week order bought used "
        "delivery price colour size home office kitchen friend gift").split()


def phrase(sentiment):
    word = random.choice(GOOD if sentiment else BAD)
    if random.random() < 0.3:
        word = random.choice(BAD if sentiment else GOOD)
        return ["not", word]
    return [word] if random.random() < .5 else ["very", word]


def review():
    label = random.randint(0, 1)
    toks = []
    n_phr = random.choice([1, 1, 2, 3])
    for _ in range(n_phr):
        toks += random.choices(FILL, k=random.randint(1, 5)) + [random.choice(PRODUCTS), "is"] + phrase(label)
    if random.random() < 0.12:
        toks += random.choices(FILL, k=random.randint(50, 70))
    return toks, label


class Vocab:
    def __init__(self):
        words = ["<pad>", "<unk>", "not", "very", "is"] + PRODUCTS + GOOD + BAD + FILL
        self.idx = {w: i for i, w in enumerate(dict.fromkeys(words))}

    def encode(self, toks):
        return torch.tensor([self.idx.get(t, 1) for t in toks])

    def __len__(self):
        return len(self.idx)


vocab = Vocab()


def batchify(rows, bs, shuffle):
    rows = list(rows)
    if shuffle:
        random.shuffle(rows)
    for i in range(0, len(rows), bs):
        chunk = rows[i:i + bs]
        lens = torch.tensor([len(t) for t, _ in chunk])
        x = pad_sequence([vocab.encode(t) for t, _ in chunk], batch_first=True, padding_value=0)
        yield x, lens, torch.tensor([l for _, l in chunk]).float()


class SentimentGRU(nn.Module):
    def __init__(self, n_words, emb=24, hid=32):
        super().__init__()
        self.emb = nn.Embedding(n_words, emb, padding_idx=0)
        self.gru = nn.GRU(emb, hid, batch_first=True)
        self.fc = nn.Linear(hid, 1)

    def forward(self, x, lens):
        out, _ = self.gru(self.emb(x))
        last = out[:, -1]
        return self.fc(last).squeeze(1)


train = [review() for _ in range(1200)]
test = [review() for _ in range(500)]

model = SentimentGRU(len(vocab))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
bce = nn.BCEWithLogitsLoss()
for ep in range(7):
    model.train()
    tot = 0
    for x, lens, y in batchify(train, 32, True):
        loss = bce(model(x, lens), y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        tot += loss.item() * len(y)
    print("epoch", ep, "loss %.4f" % (tot / len(train)))

model.eval()
ok = 0
with torch.no_grad():
    for x, lens, y in batchify(test, 32, False):
        ok += ((model(x, lens) > 0).float() == y).sum().item()
print("score: %.4f" % (ok / len(test)))
