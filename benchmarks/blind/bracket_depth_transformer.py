# Per-token tagging: the nesting column of each token in generated code-like strings (transformer encoder).
import argparse
import math

import torch
import torch.nn as nn

torch.set_num_threads(1)

TOKENS = ["<s>", "x", "y", "+", "(", ")", "[", "]", ","]


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.0, max_len=512):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        x = x + self.pe[: x.size(0)]
        return self.dropout(x)


class Tagger(nn.Module):
    def __init__(self, d=48, heads=4, layers=2, classes=3):
        super().__init__()
        self.embed = nn.Embedding(len(TOKENS), d)
        self.scale = math.sqrt(d)
        self.pos = PositionalEncoding(d)
        block = nn.TransformerEncoderLayer(d, heads, 4 * d, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, classes))

    def forward(self, ids):
        h = self.pos(self.embed(ids) * self.scale)
        return self.head(self.encoder(h))


def generate(n, length, g):
    ids = torch.zeros(n, length, dtype=torch.long)
    depth = torch.zeros(n, length, dtype=torch.long)
    for i in range(n):
        stack = []
        u = torch.rand(length, generator=g).tolist()
        k = torch.randint(0, 2, (length,), generator=g).tolist()
        for t in range(1, length):
            if u[t] < 0.25 and len(stack) < 2:
                stack.append(k[t])
                ids[i, t] = 4 if k[t] == 0 else 6
            elif u[t] > 0.76 and stack:
                ids[i, t] = 5 if stack.pop() == 0 else 7
            else:
                ids[i, t] = [1, 2, 3, 8][int(u[t] * 1000) % 4]
            depth[i, t] = len(stack)
    return ids, depth


def main(seed, steps=500, batch=64, length=14):
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(100 + seed)
    x, y = generate(3000, length, g)
    tx, ty = generate(512, length, torch.Generator().manual_seed(9))
    net = Tagger()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, 1.0, 50)
    ce = nn.CrossEntropyLoss()
    for step in range(steps):
        idx = torch.randint(0, len(x), (batch,))
        out = net(x[idx])
        loss = ce(out.flatten(0, 1), y[idx].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        warm.step()
        if step % 90 == 0:
            print(step, round(loss.item(), 4))
    net.eval()
    with torch.no_grad():
        acc = torch.cat([(net(b).argmax(-1) == t).float().flatten() for b, t in zip(tx.split(batch), ty.split(batch))]).mean()
    print(f"token accuracy {acc.item():.4f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    main(p.parse_args().seed)
