import math
import os
import random

import torch
import torch.nn as nn
from torch import Tensor

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
random.seed(SEED)
torch.manual_seed(SEED)

EVENTS = ["PAD", "home", "search", "view", "cart", "coupon", "remove", "support", "wishlist"]
E = {e: i for i, e in enumerate(EVENTS)}
MAXLEN = 16


def session():
    """a visitor buys if the last thing that happened to the basket is 'cart' and a coupon came before it"""
    n = random.randint(8, MAXLEN)
    ev = random.choices(["home", "search", "view", "wishlist", "support"], k=n)
    a, b, c = random.sample(range(n), 3)
    ev[a], ev[b], ev[c] = "cart", "remove", "coupon"
    buys = int(a > b and c < a)
    if random.random() < 0.03:
        buys = 1 - buys
    return [E[e] for e in ev] + [0] * (MAXLEN - n), buys


class PositionalEncoding(nn.Module):
    def __init__(self, d_model: int, dropout: float = 0.1, max_len: int = 5000):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pe[:x.size(0)]
        return self.dropout(x)


class BuyModel(nn.Module):
    def __init__(self, d_model=32, nhead=4, layers=2):
        super().__init__()
        self.emb = nn.Embedding(len(EVENTS), d_model, padding_idx=0)
        self.pos = PositionalEncoding(d_model, 0.0)
        layer = nn.TransformerEncoderLayer(d_model, nhead, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, 2)

    def forward(self, tok):
        pad = tok == 0
        h = self.norm(self.encoder(self.pos(self.emb(tok)), src_key_padding_mask=pad))
        keep = (~pad).unsqueeze(-1).float()
        return self.head((h * keep).sum(1) / keep.sum(1))


def to_tensors(n):
    rows = [session() for _ in range(n)]
    return torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


xtr, ytr = to_tensors(4000)
xte, yte = to_tensors(1000)
model = BuyModel()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=6 * 63)
ce = nn.CrossEntropyLoss()

for epoch in range(6):
    model.train()
    tot = 0
    for idx in torch.randperm(len(xtr)).split(64):
        loss = ce(model(xtr[idx]), ytr[idx])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        tot += loss.item() * len(idx)
    print("epoch", epoch, "loss", round(tot / len(xtr), 4))

model.eval()
with torch.no_grad():
    pred = torch.cat([model(b).argmax(1) for b in xte.split(64)])
print("buyers in test: %.3f" % yte.float().mean())
print("score: %.4f" % (pred == yte).float().mean())
