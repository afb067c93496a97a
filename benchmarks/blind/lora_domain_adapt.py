"""LoRA fine-tuning of a frozen transformer encoder on a new labelling of token sequences.

A base model is pretrained on one task, frozen, and adapted with low-rank adapters
and activation checkpointing to keep the memory low.
"""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

VOCAB, LEN = 40, 24


def gen(n, task, g):
    x = torch.randint(4, VOCAB, (n, LEN), generator=g)
    a = ((x >= 4) & (x < 16)).sum(1)
    b = ((x >= 16) & (x < 28)).sum(1)
    even = (x % 2 == 0).sum(1)
    if task == "base":
        y = (a > b).long()
    else:
        y = (even > LEN // 2).long() + 2 * ((x >= 28).sum(1) > LEN // 3).long()
    return x, y


class LoRALinear(nn.Module):
    def __init__(self, base, r=8, alpha=32):
        super().__init__()
        self.base = base
        self.A = nn.Parameter(torch.empty(r, base.in_features))
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + self.scale * F.linear(F.linear(x, self.A), self.B)


class Layer(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        B, T, D = x.shape
        z = self.n1(x)
        q, k, v = (f(z).view(B, T, self.h, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, D)
        x = x + self.o(a)
        return x + self.fc2(F.gelu(self.fc1(self.n2(x))))


class Encoder(nn.Module):
    def __init__(self, d=32, layers=2, n_out=2):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, d)
        self.pos = nn.Parameter(torch.randn(LEN, d) * 0.1)
        self.layers = nn.ModuleList(Layer(d, 4) for _ in range(layers))
        self.norm = nn.LayerNorm(d)
        self.score = nn.Linear(d, n_out)
        self.gradient_checkpointing = False

    def forward(self, ids):
        x = self.emb(ids) + self.pos
        for layer in self.layers:
            if self.gradient_checkpointing and self.training:
                x = checkpoint(layer, x, use_reentrant=True)
            else:
                x = layer(x)
        return self.score(self.norm(x).mean(1))


def inject_lora(model, r=16):
    for p in model.parameters():
        p.requires_grad_(False)
    for layer in model.layers:
        for name in ("q", "v", "fc1", "fc2"):
            setattr(layer, name, LoRALinear(getattr(layer, name), r))
    model.score = nn.Linear(model.score.in_features, 4)
    return model


def fit(model, x, y, steps, lr, bs=40):
    params = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    model.train()
    for i in range(steps):
        idx = torch.randint(0, len(x), (bs,))
        loss = F.cross_entropy(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if i % 100 == 0:
            print(f"  step {i:4d} loss {loss.item():.3f}")


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return (model(x).argmax(1) == y).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    seed = ap.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed + 100)
    model = Encoder()
    print("pretraining")
    fit(model, *gen(4000, "base", g), steps=120, lr=2e-3)
    model = inject_lora(model)
    model.gradient_checkpointing = True
    tr, te = gen(6000, "new", g), gen(1500, "new", g)
    n = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"fine-tuning {n} trainable parameters")
    fit(model, *tr, steps=360, lr=3e-3)
    print(f"test accuracy {accuracy(model, *te):.3f}")


if __name__ == "__main__":
    main()
