"""Character-level language model on pseudo-English with a transformer and an inverse-sqrt warmup schedule."""
import argparse
import math
import random
import torch
from torch import nn
import torch.nn.functional as F

SUBJ = "the cat|a small dog|my old friend|the teacher|every child|the tall farmer|a quiet river".split("|")
VERB = "sees|likes|follows|paints|remembers|carries|visits".split("|")
OBJ = "the red house|a bird|the long road|green apples|the market|an empty boat|the music".split("|")
TAIL = "in the morning|after the rain|without a word|near the sea|again and again|on sunday".split("|")


def corpus(rng, sentences):
    out = []
    for _ in range(sentences):
        s = f"{rng.choice(SUBJ)} {rng.choice(VERB)} {rng.choice(OBJ)}"
        if rng.random() < 0.6:
            s += " " + rng.choice(TAIL)
        out.append(s + ". ")
    return "".join(out)


class CausalBlock(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.ln2(x))


class CharLM(nn.Module):
    def __init__(self, vocab, d=48, heads=4, depth=2, context=48):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(context, d)
        self.blocks = nn.Sequential(*[CausalBlock(d, heads) for _ in range(depth)])
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, vocab)

    def forward(self, x):
        h = self.tok(x) + self.pos.weight[: x.size(1)]
        return self.out(self.norm(self.blocks(h)))


class WarmupInverseSqrt:
    def __init__(self, peak, warmup):
        self.peak, self.warmup = peak, warmup

    def __call__(self, step):
        step = step + 1
        return self.peak * min(step / self.warmup, math.sqrt(self.warmup / step))


def get_batch(data, n, context):
    i = torch.randint(0, len(data) - context - 1, (n,))
    return torch.stack([data[j:j + context] for j in i]), torch.stack([data[j + 1:j + context + 1] for j in i])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=400)
    ap.add_argument("--lr", type=float, default=3e-3)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    text, held = corpus(rng, 1500), corpus(rng, 200)
    chars = sorted(set(text + held))
    enc = lambda s: torch.tensor([chars.index(c) for c in s])
    train, test = enc(text), enc(held)

    model = CharLM(len(chars))
    opt = torch.optim.AdamW(model.parameters(), lr=a.lr, betas=(0.9, 0.95), weight_decay=0.01)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, WarmupInverseSqrt(a.lr, warmup=60))
    ema = None
    for step in range(a.steps):
        x, y = get_batch(train, 24, 48)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        ema = loss.item() if ema is None else 0.95 * ema + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} loss {ema:.4f}")

    model.eval()
    with torch.no_grad():
        n = (len(test) - 1) // 48 * 48
        x, y = test[:n].view(-1, 48), test[1:n + 1].view(-1, 48)
        ce = F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
    print(f"bits per character: {ce / math.log(2):.4f}")


if __name__ == "__main__":
    main()
