"""Assignment 6: GRU encoder-decoder with attention that normalises dates ('7 mar 1998' -> '1998-03-07')."""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
CHARS = sorted(set("".join(MONTHS) + "0123456789 -./,"))
PAD, SOS, EOS = 0, 1, 2
IDX = {c: i + 3 for i, c in enumerate(CHARS)}
V = len(CHARS) + 3


def example(rng):
    y, m, d = rng.randint(1950, 2049), rng.randint(1, 12), rng.randint(1, 28)
    src = rng.choice(["{d} {mn} {y}", "{mn} {d}, {y}", "{d}.{m}.{y}", "{d}/{m}/{y}"]).format(d=d, m=m, mn=MONTHS[m - 1], y=y)
    return [IDX[c] for c in src], [SOS] + [IDX[c] for c in f"{y}-{m:02d}-{d:02d}"] + [EOS]


def pad(seqs):
    n = max(map(len, seqs))
    return torch.tensor([s + [PAD] * (n - len(s)) for s in seqs])


def make_batch(rng, n):
    ex = [example(rng) for _ in range(n)]
    return pad([e[0] for e in ex]), pad([e[1] for e in ex])


class Encoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.emb = nn.Embedding(V, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * dim, dim)

    def forward(self, x):
        out, h = self.rnn(self.emb(x))
        return self.bridge(out), torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1)))[None], x != PAD


class Decoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.emb = nn.Embedding(V, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.q = nn.Linear(dim, dim)
        self.out = nn.Linear(2 * dim, V)

    def forward(self, tokens, h, memory, mask):
        s, h = self.rnn(self.emb(tokens), h)
        score = self.q(s) @ memory.transpose(1, 2)
        score = score.masked_fill(~mask[:, None], -1e9)
        ctx = score.softmax(-1) @ memory
        return self.out(torch.cat([s, ctx], -1)), h


@torch.no_grad()
def greedy(enc, dec, src, max_len=12):
    memory, h, mask = enc(src)
    tok = torch.full((len(src), 1), SOS)
    res = []
    for _ in range(max_len):
        logits, h = dec(tok, h, memory, mask)
        tok = logits[:, -1:].argmax(-1)
        res.append(tok)
    return torch.cat(res, 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=450)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    enc, dec = Encoder(48), Decoder(48)
    params = list(enc.parameters()) + list(dec.parameters())
    opt = torch.optim.Adam(params, lr=5e-3)
    for step in range(args.steps):
        src, tgt = make_batch(rng, 48)
        memory, h, mask = enc(src)
        logits, _ = dec(tgt[:, 1:], h, memory, mask)
        loss = F.cross_entropy(logits.flatten(0, 1), tgt[:, 1:].flatten(), ignore_index=PAD)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        if step % 75 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    src, tgt = make_batch(rng, 500)
    hyp = greedy(enc, dec, src)[:, :10]
    print(f"character accuracy (greedy decoding) {(hyp == tgt[:, 1:11]).float().mean().item():.4f}")


main()
