"""Masked-token pretraining on synthetic server log lines (slot grammar with agreement)."""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
VERBS = ["opened", "closed", "moved", "copied", "scanned", "signed"]
HOSTS = [f"host{i}" for i in range(12)]
SERVICES = ["ssh", "http", "smtp", "dns", "ldap", "nfs"]
PORT = {"ssh": "p22", "http": "p80", "smtp": "p25", "dns": "p53", "ldap": "p389", "nfs": "p2049"}
ZONES = ["red", "green", "blue"]
STATUS = {"opened": "ok", "closed": "end", "moved": "ok", "copied": "ok", "scanned": "warn", "signed": "auth"}
SPECIAL = ["[PAD]", "[MASK]", "[CLS]", "[SEP]"]
WORDS = SPECIAL + VERBS + HOSTS + SERVICES + sorted(PORT.values()) + ZONES + ["ok", "end", "warn", "auth", "from", "to", "via"]
STOI = {w: i for i, w in enumerate(WORDS)}
PAD, MASK, CLS, SEP = 0, 1, 2, 3


def make_line(rng):
    a, b = rng.sample(range(12), 2)
    v, s = rng.choice(VERBS), rng.choice(SERVICES)
    toks = ["[CLS]", v, s, "from", f"host{a}", ZONES[a % 3], "to", f"host{b}", ZONES[b % 3], "via", PORT[s], STATUS[v]]
    if rng.random() < 0.3:
        toks += ["via", f"host{(a + b) % 12}"]
    toks.append("[SEP]")
    return [STOI[t] for t in toks]


def build(n, seed, length=16):
    rng = random.Random(seed)
    out = torch.full((n, length), PAD)
    for i in range(n):
        line = make_line(rng)
        out[i, : len(line)] = torch.tensor(line)
    return out


class LogBert(nn.Module):
    def __init__(self, vocab, d=48, layers=2, max_len=16):
        super().__init__()
        self.tok = nn.Embedding(vocab, d, padding_idx=PAD)
        self.pos = nn.Embedding(max_len, d)
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, vocab)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        return self.head(self.norm(self.enc(x, src_key_padding_mask=ids == PAD)))


class MaskingCollator:
    def __init__(self, prob, generator):
        self.prob, self.g = prob, generator

    def __call__(self, ids):
        special = (ids == PAD) | (ids == CLS) | (ids == SEP)
        chosen = (torch.rand(ids.shape, generator=self.g) < self.prob) & ~special
        labels = ids
        ids[chosen] = MASK
        return ids, labels, chosen


def accuracy(model, lines, seed=99):
    g = torch.Generator().manual_seed(seed)
    keep = (lines != PAD) & (lines != CLS) & (lines != SEP)
    pick = torch.zeros_like(lines, dtype=torch.bool)
    for col in range(lines.size(1)):
        pick[torch.randint(0, 16, (lines.size(0),), generator=g) == col, col] = True
    pick &= keep
    x = lines.masked_fill(pick, MASK)
    model.eval()
    with torch.no_grad():
        pred = model(x).argmax(-1)
    model.train()
    return (pred[pick] == lines[pick]).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=500)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    train, test = build(4000, 1 + args.seed), build(600, 777)
    model = LogBert(len(WORDS))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=args.steps)
    collate = MaskingCollator(0.15, torch.Generator().manual_seed(args.seed))
    for step in range(args.steps):
        rows = torch.randint(0, len(train), (64,))
        ids, labels, chosen = collate(train[rows])
        logits = model(ids)
        loss = F.cross_entropy(logits[chosen], labels[chosen])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    print(f"masked-token accuracy {accuracy(model, test):.4f}")


if __name__ == "__main__":
    main()
