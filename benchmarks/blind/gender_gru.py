# Predict grammatical gender class of (made-up Romance-like) nouns from spelling with a character GRU.
import os, random
import torch
import torch.nn as nn

SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

PAD = "_"
CHARS = PAD + "abcdefghijklmnopqrstuvwxyz"
CH2I = {c: i for i, c in enumerate(CHARS)}
CONS, VOW = "bcdfglmnprstv", "aeiou"
SUFFIX = {0: ["aggio", "mento", "ore", "ema"], 1: ["zione", "tudine", "ezza", "tura"], 2: ["ista", "ante", "ile", "one"]}


def stem(k):
    return "".join(random.choice(CONS) + random.choice(VOW) for _ in range(k))


def lexicon(n):
    words, y = [], []
    for _ in range(n):
        g = random.randrange(3)
        w = stem(random.randint(1, 5)) + random.choice(CONS) + random.choice(SUFFIX[g])
        if random.random() < 0.3:      # frozen compounds: hyphenless second element, first one decides
            w = w + stem(random.randint(2, 4))
        words.append(w)
        y.append(g)
    return words, torch.tensor(y)


MAXLEN = 80      # as in the spreadsheet export, fixed-width field


def encode(words):
    ids = torch.zeros(len(words), MAXLEN, dtype=torch.long)
    for i, w in enumerate(words):
        ids[i, :len(w)] = torch.tensor([CH2I[c] for c in w])
    lens = torch.tensor([len(w) for w in words])
    return ids, lens


class GenderGRU(nn.Module):
    def __init__(self, emb=16, hid=32, n_cls=3):
        super().__init__()
        self.emb = nn.Embedding(len(CHARS), emb, padding_idx=0)
        self.gru = nn.GRU(emb, hid, batch_first=True)
        self.lin = nn.Linear(hid, n_cls)

    def forward(self, ids, lens):
        out, h = self.gru(self.emb(ids))
        last = out[:, -1]
        return self.lin(last)


train_w, train_y = lexicon(2000)
test_w, test_y = lexicon(600)
train_x, train_l = encode(train_w)
test_x, test_l = encode(test_w)

model = GenderGRU()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 7):
    model.train()
    order = torch.randperm(len(train_w))
    s = 0.0
    for b in order.split(25):
        opt.zero_grad()
        loss = loss_fn(model(train_x[b], train_l[b]), train_y[b])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        s += loss.item() * len(b)
    print("epoch", epoch, "loss", round(s / len(train_w), 4))

model.eval()
with torch.no_grad():
    pred = model(test_x, test_l).argmax(1)
for w, p, g in list(zip(test_w, pred.tolist(), test_y.tolist()))[:3]:
    print(w, "predicted", p, "gold", g)
print("accuracy on unseen nouns (higher is better)")
print("score: %.4f" % (pred == test_y).float().mean().item())
