# classify made-up surnames by language of origin with a char RNN
import argparse
import random
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rnd = random.Random(args.seed)

SYL = {
    "italian": (["bar", "ros", "fer", "mar", "gio", "ca", "bel", "lo", "con", "vi"], ["ini", "elli", "etti", "one", "ucci"]),
    "polish": (["kow", "now", "wis", "zie", "mar", "kam", "lew", "dab", "wo", "sza"], ["alski", "icki", "czyk", "owicz", "ak"]),
    "japanese": (["ta", "na", "ka", "shi", "mo", "ya", "ko", "wa", "sa", "hi"], ["moto", "mura", "kawa", "da", "yama"]),
    "german": (["sch", "mul", "hof", "ber", "kra", "wei", "lo", "bau", "mar", "ste"], ["mann", "er", "ler", "bach", "hardt"]),
    "irish": (["don", "con", "bre", "gal", "mur", "kel", "fla", "ho", "ca", "da"], ["nnan", "lly", "agher", "herty", "gan"]),
}
LANGS = list(SYL)


def surname(lang):
    stems, ends = SYL[lang]
    if rnd.random() < 0.4:
        stems = SYL[rnd.choice(LANGS)][0]
    s = "".join(rnd.choice(stems) for _ in range(rnd.randint(1, 4)))
    if rnd.random() < 0.1:
        s = s[:-1]
    return s + rnd.choice(ends)


def dataset(n):
    return [(surname(LANGS[i % 5]), i % 5) for i in range(n)]


ALPHABET = "abcdefghijklmnopqrstuvwxyz"
stoi = {c: i + 1 for i, c in enumerate(ALPHABET)}
MAX_LEN = 40


def encode(batch):
    seqs = torch.zeros(len(batch), MAX_LEN, dtype=torch.long)
    lens = []
    for r, (w, _) in enumerate(batch):
        seqs[r, :len(w)] = torch.tensor([stoi[c] for c in w])
        lens.append(len(w))
    return seqs, torch.tensor(lens), torch.tensor([l for _, l in batch])


class CharRNN(nn.Module):
    def __init__(self, emb=16, hid=48):
        super().__init__()
        self.emb = nn.Embedding(27, emb, padding_idx=0)
        self.rnn = nn.RNN(emb, hid, batch_first=True)
        self.out = nn.Linear(hid, len(LANGS))

    def forward(self, seqs, lens):
        h, _ = self.rnn(self.emb(seqs))
        last = h[:, -1, :]
        return self.out(last)


train, test = dataset(3000), dataset(1000)
model = CharRNN()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
crit = nn.CrossEntropyLoss()
B = 64
for ep in range(12):
    rnd.shuffle(train)
    model.train()
    tot = 0
    for i in range(0, len(train), B):
        s, l, y = encode(train[i:i + B])
        opt.zero_grad()
        loss = crit(model(s, l), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        tot += loss.item() * len(y)
    model.eval()
    with torch.no_grad():
        s, l, y = encode(test)
        acc = (model(s, l).argmax(-1) == y).float().mean().item()
    print(f"epoch {ep} loss {tot / len(train):.3f} acc {acc:.3f}")
print(f"test accuracy {acc:.4f}")
