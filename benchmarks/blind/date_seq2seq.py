"""Normalise human-written dates ("mar 5, 1994") to ISO form with an encoder-decoder transformer."""
import argparse
import random
import torch
from torch import nn

MONTHS = "january february march april may june july august september october november december".split()
SRC = list("abcdefghijklmnopqrstuvwxyz0123456789 ,./")
TGT = ["<pad>", "<s>"] + list("0123456789-")
S2I = {c: i + 1 for i, c in enumerate(SRC)}
T2I = {c: i for i, c in enumerate(TGT)}


def pair(rng):
    y, m, d = rng.randint(1950, 2029), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[m - 1]
    form = rng.randrange(4)
    src = [f"{name} {d}, {y}", f"{d} {name[:3]} {y}", f"{d:02d}.{m:02d}.{y}", f"{y}/{m}/{d}"][form]
    return src, f"{y}-{m:02d}-{d:02d}"


def encode(pairs):
    n = max(len(s) for s, _ in pairs)
    src = torch.zeros(len(pairs), n, dtype=torch.long)
    tgt = torch.zeros(len(pairs), 11, dtype=torch.long)
    for i, (s, t) in enumerate(pairs):
        src[i, : len(s)] = torch.tensor([S2I[c] for c in s])
        tgt[i] = torch.tensor([T2I["<s>"]] + [T2I[c] for c in t])
    return src, tgt


class Seq2Seq(nn.Module):
    def __init__(self, d=48, heads=4, layers=2):
        super().__init__()
        self.src_emb = nn.Embedding(len(SRC) + 1, d, padding_idx=0)
        self.tgt_emb = nn.Embedding(len(TGT), d)
        self.pos = nn.Parameter(torch.randn(32, d) * 0.3)
        self.core = nn.Transformer(d, heads, 1, layers, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.out = nn.Linear(d, len(TGT))

    def forward(self, src, tgt):
        pad = src == 0
        s = self.src_emb(src) + self.pos[: src.size(1)]
        t = self.tgt_emb(tgt) + self.pos[: tgt.size(1)]
        h = self.core(s, t, src_key_padding_mask=pad, memory_key_padding_mask=pad)
        return self.out(h)

    @torch.no_grad()
    def greedy(self, src):
        tgt = torch.full((len(src), 1), T2I["<s>"])
        for _ in range(10):
            nxt = self(src, tgt)[:, -1].argmax(-1)
            tgt = torch.cat([tgt, nxt[:, None]], 1)
        return tgt[:, 1:]


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--steps", type=int, default=420)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = random.Random(args.seed)

model = Seq2Seq()
opt = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 50, 1.0) * (1 - 0.9 * s / args.steps))
criterion = nn.CrossEntropyLoss(ignore_index=0)
model.train()
for step in range(args.steps):
    src, tgt = encode([pair(rng) for _ in range(48)])
    logits = model(src, tgt[:, :-1])
    loss = criterion(logits.reshape(-1, len(TGT)), tgt[:, 1:].reshape(-1))
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

model.eval()
src, tgt = encode([pair(rng) for _ in range(300)])
hyp = model.greedy(src)
print("".join(TGT[i] for i in hyp[0]), "|", "".join(TGT[i] for i in tgt[0, 1:]))
print(f"character accuracy: {(hyp == tgt[:, 1:]).float().mean().item():.4f}")
