"""Course project: encoder Transformer that sorts digit strings; learning-rate rule from 'Attention is all you need'."""
import argparse
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    d_model: int = 48
    heads: int = 4
    layers: int = 2
    vocab: int = 10
    length: int = 8
    warmup: int = 100
    steps: int = 500
    batch: int = 64
    seed: int = 0


class Sorter(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.emb = nn.Embedding(c.vocab, c.d_model)
        self.register_buffer("pe", self.positions(c.length, c.d_model))
        layer = nn.TransformerEncoderLayer(c.d_model, c.heads, 4 * c.d_model, dropout=0.0, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, c.layers)
        self.out = nn.Linear(c.d_model, c.vocab)

    @staticmethod
    def positions(n, d):
        pos = torch.arange(n)[:, None].float()
        div = torch.exp(torch.arange(0, d, 2).float() * (-math.log(10000.0) / d))
        pe = torch.zeros(n, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        return pe

    def forward(self, x):
        return self.out(self.enc(self.emb(x) + self.pe))


class NoamOpt:
    def __init__(self, d_model, warmup, optimizer, factor=0.5):
        self.optimizer, self.warmup, self.d_model, self.factor = optimizer, warmup, d_model, factor
        self._step = 0

    def rate(self):
        s = self._step
        return self.factor * self.d_model ** -0.5 * max(s ** -0.5, s * self.warmup ** -1.5)

    def step(self):
        self._step += 1
        for g in self.optimizer.param_groups:
            g["lr"] = self.rate()
        self.optimizer.step()

    def zero_grad(self):
        self.optimizer.zero_grad()


def make_batch(c, gen):
    x = torch.randint(0, c.vocab, (c.batch, c.length), generator=gen)
    return x, x.sort(dim=1).values


def main(c):
    torch.manual_seed(c.seed)
    gen = torch.Generator().manual_seed(c.seed + 1)
    model = Sorter(c)
    opt = NoamOpt(c.d_model, c.warmup, torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9))
    for step in range(c.steps):
        x, y = make_batch(c, gen)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 100 == 0:
            print(f"step {step} lr {opt.rate():.5f} loss {loss.item():.4f}")
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for _ in range(10):
            x, y = make_batch(c, gen)
            hits += (model(x).argmax(-1) == y).sum().item()
            total += y.numel()
    print(f"held-out token accuracy {hits / total:.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    main(Config(seed=ap.parse_args().seed))
