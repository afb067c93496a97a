import argparse
import math
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)

CHARS = "abcdefghijklmnopqrstuvwxyz0123456789 :?"
EOS = 0
stoi = {c: i + 1 for i, c in enumerate(CHARS)}
itos = {i: c for c, i in stoi.items()}
VOCAB = len(CHARS) + 1
PAD = EOS
IGNORE = -100
NAMES = "anna ben carol dan eve finn gus hana ivo jo kim lea max nina otto pia".split()
FIELDS = ["age", "room", "code"]


def make_example(rng):
    facts = rng.sample(FIELDS, 2)
    vals = {f: "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 2))) for f in facts}
    name = rng.choice(NAMES)
    ask = rng.choice(facts)
    prompt = name + " " + " ".join(f"{f}:{vals[f]}" for f in facts) + f" {ask}?"
    return prompt, vals[ask]


def encode(text):
    return [stoi[c] for c in text]


def collate(batch, max_len=30):
    ids = torch.full((len(batch), max_len), PAD)
    labels = torch.full((len(batch), max_len), IGNORE)
    for r, (prompt, answer) in enumerate(batch):
        p, a = encode(prompt), encode(answer) + [EOS]
        seq = p + a
        ids[r, : len(seq)] = torch.tensor(seq)
        labels[r, len(p) : len(seq)] = torch.tensor(a)
    labels[ids == PAD] = IGNORE
    return ids, labels


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
        self.heads = heads

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.n2(x))


class TinyLM(nn.Module):
    def __init__(self, d=64, layers=2, heads=4, max_len=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, d), nn.Embedding(max_len, d)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, VOCAB, bias=False)
        nn.init.normal_(self.tok.weight, std=0.05)
        nn.init.normal_(self.pos.weight, std=0.05)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        for blk in self.blocks:
            x = blk(x)
        return self.head(self.norm(x))

    @torch.no_grad()
    def generate(self, prompt, max_new=6):
        ids = torch.tensor([encode(prompt)])
        out = []
        for _ in range(max_new):
            nxt = self(ids)[0, -1].argmax().item()
            if nxt == EOS:
                break
            out.append(itos[nxt])
            ids = torch.cat([ids, torch.tensor([[nxt]])], 1)
        return "".join(out)


def lr_at(step, total, peak=3e-3, warm=40):
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=500)
    ap.add_argument("--batch", type=int, default=32)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    train = [make_example(rng) for _ in range(8000)]
    test = [make_example(rng) for _ in range(150)]

    model = TinyLM()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(args.steps):
        for g in opt.param_groups:
            g["lr"] = lr_at(step, args.steps)
        ids, labels = collate(rng.sample(train, args.batch))
        logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, VOCAB), labels[:, 1:].reshape(-1), ignore_index=IGNORE)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.3f}")

    model.eval()
    hits = sum(model.generate(p) == a for p, a in test)
    print(f"exact match {hits / len(test):.3f}")


if __name__ == "__main__":
    main()
