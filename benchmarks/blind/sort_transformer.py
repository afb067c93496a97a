"""Decoder-only transformer that learns to continue 'digits = sorted digits', trained with teacher forcing."""
import argparse
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class GPTConfig:
    vocab: int = 11
    block: int = 12
    n_embd: int = 48
    n_head: int = 4
    n_layer: int = 2


class SelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.h = cfg.n_head
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.register_buffer("tril", torch.tril(torch.ones(cfg.block, cfg.block)))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = [t.view(B, T, self.h, C // self.h).transpose(1, 2) for t in self.qkv(x).split(C, 2)]
        att = q @ k.transpose(-2, -1) * (C // self.h) ** -0.5
        att.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        return self.proj((att @ v).transpose(1, 2).reshape(B, T, C))


class Layer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(cfg.n_embd), nn.LayerNorm(cfg.n_embd)
        self.att = SelfAttention(cfg)
        self.mlp = nn.Sequential(nn.Linear(cfg.n_embd, 4 * cfg.n_embd), nn.GELU(), nn.Linear(4 * cfg.n_embd, cfg.n_embd))

    def forward(self, x):
        x = x + self.att(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class MiniGPT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.tok = nn.Embedding(cfg.vocab, cfg.n_embd)
        self.pos = nn.Embedding(cfg.block, cfg.n_embd)
        self.layers = nn.Sequential(*[Layer(cfg) for _ in range(cfg.n_layer)])
        self.ln = nn.LayerNorm(cfg.n_embd)
        self.head = nn.Linear(cfg.n_embd, cfg.vocab)

    def forward(self, idx, targets=None):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        logits = self.head(self.ln(self.layers(x)))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss

    @torch.no_grad()
    def generate(self, idx, n):
        for _ in range(n):
            logits, _ = self(idx)
            idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
        return idx


def problems(n):
    d = torch.randint(0, 10, (n, 6))
    eq = torch.full((n, 1), 10)
    return torch.cat([d, eq, d.sort(1).values], 1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    torch.manual_seed(p.parse_args().seed)
    torch.set_num_threads(1)
    cfg = GPTConfig()
    model = MiniGPT(cfg)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    test = problems(300)
    for it in range(701):
        data = problems(64)
        x, y = data[:, :-1], data[:, 1:].clone()
        y[:, :6] = -100
        logits, loss = model(x, y)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        if it % 100 == 0:
            out = model.generate(test[:, :7], 6)
            print(f"step {it}: loss {loss.item():.4f}, digit acc {(out[:, 7:] == test[:, 7:]).float().mean():.3f}")
    out = model.generate(test[:, :7], 6)
    print(f"generated digit accuracy {(out[:, 7:] == test[:, 7:]).float().mean():.4f}")


main()
