"""Small character GPT trained on templated text, HF-style model/collator split."""
import argparse
import math
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SUBJ = ["the cat", "a sailor", "our teacher", "the old king", "her brother", "my neighbour"]
VERB = ["watches", "paints", "follows", "forgets", "remembers", "carries"]
OBJ = ["the river", "a red boat", "seven letters", "the broken clock", "some bread", "a map"]
TAIL = ["in the morning", "after dinner", "without a word", "near the harbour", "every winter"]


def make_corpus(n, rng):
    parts = []
    for _ in range(n):
        s = f"{rng.choice(SUBJ)} {rng.choice(VERB)} {rng.choice(OBJ)} {rng.choice(TAIL)}. "
        parts.append(s)
    return "".join(parts)


class BlockDataset(Dataset):
    def __init__(self, ids, block):
        self.ids, self.block = ids, block

    def __len__(self):
        return (len(self.ids) - self.block - 1) // (self.block // 2)

    def __getitem__(self, i):
        s = i * (self.block // 2)
        x = self.ids[s:s + self.block]
        y = self.ids[s + 1:s + self.block + 1]
        return {"input_ids": x, "labels": y.clone()}


class Attention(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.qkv = nn.Linear(d, 3 * d)
        self.o = nn.Linear(d, d)

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.h, D // self.h).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(B, T, D))


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = Attention(d, h)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class CausalLM(nn.Module):
    def __init__(self, vocab, d=48, h=4, layers=2, block=48):
        super().__init__()
        self.wte = nn.Embedding(vocab, d)
        self.wpe = nn.Embedding(block, d)
        self.blocks = nn.ModuleList(Block(d, h) for _ in range(layers))
        self.ln_f = nn.LayerNorm(d)
        self.lm_head = nn.Linear(d, vocab, bias=False)
        self.apply(self._init)
        self.lm_head.weight = self.wte.weight

    def _init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, std=0.02)
        if isinstance(m, nn.Linear) and m.bias is not None:
            nn.init.zeros_(m.bias)

    def forward(self, input_ids, labels=None):
        pos = torch.arange(input_ids.size(1), device=input_ids.device)
        x = self.wte(input_ids) + self.wpe(pos)
        for b in self.blocks:
            x = b(x)
        logits = self.lm_head(self.ln_f(x))
        loss = None
        if labels is not None:
            shift_logits = logits[:, :-1].contiguous()
            shift_labels = labels[:, 1:].contiguous()
            loss = F.cross_entropy(shift_logits.view(-1, logits.size(-1)), shift_labels.view(-1))
        return loss, logits


@torch.no_grad()
def next_char_accuracy(model, ids, block):
    model.eval()
    hit = tot = 0
    for s in range(0, len(ids) - block - 1, block):
        x = ids[s:s + block][None]
        _, logits = model(x)
        hit += (logits[0, :-1].argmax(-1) == x[0, 1:]).sum().item()
        tot += block - 1
    model.train()
    return hit / tot


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=260)
    ap.add_argument("--block", type=int, default=48)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    text = make_corpus(900, rng)
    chars = sorted(set(text))
    stoi = {c: i for i, c in enumerate(chars)}
    ids = torch.tensor([stoi[c] for c in text])
    held = torch.tensor([stoi[c] for c in make_corpus(60, random.Random(args.seed + 999)) if c in stoi])
    loader = DataLoader(BlockDataset(ids, args.block), batch_size=24, shuffle=True, drop_last=True)
    model = CausalLM(len(chars), block=args.block)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.01)
    sched = torch.optim.lr_scheduler.LambdaLR(
        opt, lambda s: min(1, (s + 1) / 30) * 0.5 * (1 + math.cos(math.pi * min(1, s / args.steps))))
    step = 0
    while step < args.steps:
        for batch in loader:
            loss, _ = model(**batch)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            step += 1
            if step % 50 == 0:
                print(f"step {step} loss {loss.item():.3f}")
            if step == args.steps:
                break
    print(f"held-out next-char accuracy {next_char_accuracy(model, held, args.block):.3f}")


if __name__ == "__main__":
    main()
