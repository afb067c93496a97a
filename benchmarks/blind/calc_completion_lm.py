"""Small causal LM fine-tuned on 'question -> answer' strings; judged by exact generation."""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

torch.set_num_threads(1)


class Tokenizer:
    def __init__(self):
        self.vocab = ["<eos>"] + list("0123456789abcdefghij=:rsu|")
        self.stoi = {c: i for i, c in enumerate(self.vocab)}
        self.eos_token_id = 0
        self.pad_token_id = None

    def __len__(self):
        return len(self.vocab)

    def add_special(self, token):
        self.vocab.append(token)
        return len(self.vocab) - 1

    def encode(self, s):
        return [self.stoi[c] for c in s]


def sample(rng):
    s = "".join(rng.choice("abcdefghij") for _ in range(rng.randint(2, 6)))
    op = rng.choice("rsu")
    out = {"r": s[::-1], "s": "".join(sorted(s)), "u": s + s[0]}[op]
    return f"{op}:{s}=", out


class CompletionCollator:
    """Pads to the longest row and builds causal-LM labels."""

    def __init__(self, tok):
        self.tok = tok

    def __call__(self, pairs):
        rows = [torch.tensor(self.tok.encode(q + a) + [self.tok.eos_token_id]) for q, a in pairs]
        ids = pad_sequence(rows, batch_first=True, padding_value=self.tok.pad_token_id)
        labels = ids.clone()
        labels[labels == self.tok.pad_token_id] = -100
        for i, (q, _) in enumerate(pairs):
            labels[i, : len(q)] = -100
        return ids, labels


class GPT(nn.Module):
    def __init__(self, vocab, d=64, layers=2, heads=4, ctx=24):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        block = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.0, batch_first=True, norm_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.ln = nn.LayerNorm(d)
        self.register_buffer("mask", torch.triu(torch.full((ctx, ctx), float("-inf")), 1))
        for e in (self.wte, self.wpe):
            nn.init.normal_(e.weight, std=0.1)

    def forward(self, ids, labels=None):
        t = ids.size(1)
        h = self.blocks(self.wte(ids) + self.wpe(torch.arange(t)), mask=self.mask[:t, :t])
        logits = self.ln(h) @ self.wte.weight.t()
        if labels is None:
            return logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


@torch.no_grad()
def exact(model, tok, pairs):
    model.eval()
    good = 0
    by_len = {}
    for q, a in pairs:
        by_len.setdefault(len(q), []).append((q, a))
    for group in by_len.values():
        ids = torch.tensor([tok.encode(q) for q, _ in group])
        start = ids.size(1)
        for _ in range(9):
            ids = torch.cat([ids, model(ids)[:, -1].argmax(-1, keepdim=True)], 1)
        for row, (_, a) in zip(ids[:, start:].tolist(), group):
            out = row[: row.index(tok.eos_token_id)] if tok.eos_token_id in row else row
            good += out == tok.encode(a)
    model.train()
    return good / len(pairs)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    tok = Tokenizer()
    tok.pad_token_id = tok.eos_token_id
    collate = CompletionCollator(tok)
    model = GPT(len(tok))
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    steps = 480
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=steps, pct_start=0.1)
    val_rng = random.Random(12345)
    val = [sample(val_rng) for _ in range(300)]
    for step in range(steps):
        loss = model(*collate([sample(rng) for _ in range(64)]))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 150 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    print(f"exact generation {exact(model, tok, val):.4f}")


if __name__ == "__main__":
    main()
