import argparse
import math

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
HIST, HORIZON = 48, 12


def load_series(n_sites, hours, rng):
    t = np.arange(hours)
    out = []
    for _ in range(n_sites):
        day = rng.uniform(0.5, 1.2) * np.sin(2 * np.pi * t / 24 + rng.uniform(0, 6.28))
        half = rng.uniform(0.2, 0.8) * np.sin(2 * np.pi * t / 12 + rng.uniform(0, 6.28))
        drift = np.cumsum(rng.normal(0, 0.03, hours))
        ar = np.zeros(hours)
        eps = rng.normal(0, 0.12, hours)
        for k in range(1, hours):
            ar[k] = 0.7 * ar[k - 1] + eps[k]
        out.append(day + half + drift + ar)
    return np.stack(out).astype(np.float32)


def make_windows(series, stride):
    xs, ys = [], []
    for s in series:
        for i in range(0, len(s) - HIST - HORIZON, stride):
            w = s[i:i + HIST + HORIZON]
            last = w[HIST - 1]
            xs.append(w[:HIST] - last)
            ys.append(w[HIST:] - last)
    return torch.from_numpy(np.stack(xs)).unsqueeze(-1), torch.from_numpy(np.stack(ys))


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=512, dropout=0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div)
        pe[:, 0, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        x = x + self.pe[: x.size(0)]
        return self.dropout(x)


class Forecaster(nn.Module):
    def __init__(self, d_model=48, nhead=4, layers=2):
        super().__init__()
        self.embed = nn.Linear(1, d_model)
        self.pos = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, 2 * d_model, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.query = nn.Parameter(torch.randn(HORIZON, d_model) * 0.1)
        self.cross = nn.MultiheadAttention(d_model, nhead, batch_first=True)
        self.head = nn.Sequential(nn.Linear(d_model, d_model), nn.GELU(), nn.Linear(d_model, 1))

    def forward(self, x):
        h = self.norm(self.encoder(self.pos(self.embed(x))))
        q = self.query.expand(len(x), -1, -1)
        z, _ = self.cross(q, h, h, need_weights=False)
        return self.head(z + q).squeeze(-1)


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        pred = torch.cat([model(xb) for xb in x.split(64)])
    return (pred - y).abs().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = make_windows(load_series(40, 500, rng), 3)
    xt, yt = make_windows(load_series(10, 500, rng), 9)
    model = Forecaster()
    opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-3)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 30, 0.5 * (1 + math.cos(math.pi * s / args.steps))))
    for step in range(args.steps):
        model.train()
        idx = torch.randint(len(x), (args.batch_size,))
        loss = nn.functional.l1_loss(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 60 == 0:
            print(f"step {step} mae {loss.item():.3f}")
    print(f"naive MAE {yt.abs().mean():.3f}")
    print(f"test MAE {evaluate(model, xt, yt):.4f}")


if __name__ == "__main__":
    main()
