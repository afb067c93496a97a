"""Classify synthetic single-lead ECG beats with a small patch-free transformer."""
import argparse
import math
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LABELS = ["normal", "ventricular", "atrial", "st_elevation"]


def bump(t, c, w, a):
    return a * np.exp(-0.5 * ((t - c) / w) ** 2)


def beat(kind, rng, n=64):
    t = np.linspace(0, 1, n)
    s = rng.uniform(-0.04, 0.04)
    j = lambda v, f=0.15: v * rng.uniform(1 - f, 1 + f)
    p, q, r, sw, tw = j(0.15), j(-0.12), j(1.0), j(-0.25), j(0.3)
    y = np.zeros(n)
    if kind == 0:
        y += bump(t, 0.2 + s, 0.03, p) + bump(t, 0.4 + s, 0.018, r) + bump(t, 0.44 + s, 0.015, sw) + bump(t, 0.7 + s, 0.06, tw)
    elif kind == 1:
        y += bump(t, 0.42 + s, j(0.06), r * 1.1) + bump(t, 0.72 + s, 0.08, -tw)
    elif kind == 2:
        y += bump(t, 0.4 + s, 0.018, r) + bump(t, 0.44 + s, 0.015, sw) + bump(t, 0.7 + s, 0.06, tw)
        y += 0.06 * np.sin(2 * np.pi * j(7) * t + rng.uniform(0, 6))
    else:
        y += bump(t, 0.2 + s, 0.03, p) + bump(t, 0.4 + s, 0.018, r) + bump(t, 0.55 + s, 0.09, j(0.35)) + bump(t, 0.7 + s, 0.06, tw)
    return y + 0.03 * rng.normal(size=n) + 0.1 * rng.normal()


def dataset(n, rng):
    y = rng.integers(0, 4, n)
    x = np.stack([beat(k, rng) for k in y]).astype(np.float32)
    return torch.from_numpy(x)[..., None], torch.from_numpy(y)


class PositionalEncoding(nn.Module):
    def __init__(self, d, length=256):
        super().__init__()
        pos = torch.arange(length)[:, None]
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(1e4) / d))
        pe = torch.zeros(length, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class ECGTransformer(nn.Module):
    def __init__(self, channels=1, d=32, heads=4, layers=2, classes=4):
        super().__init__()
        self.embed = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, d))
        self.pos = PositionalEncoding(d)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, classes))

    def forward(self, x):
        h = self.encoder(self.pos(self.embed(x)))
        return self.head(h.mean(1))


def run_epoch(model, loader, opt=None):
    model.train(opt is not None)
    loss_sum, good, n = 0.0, 0, 0
    with torch.set_grad_enabled(opt is not None):
        for x, y in loader:
            out = model(x)
            loss = nn.functional.cross_entropy(out, y, label_smoothing=0.02)
            if opt is not None:
                opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                opt.step()
            loss_sum += loss.item() * len(y)
            good += (out.argmax(1) == y).sum().item()
            n += len(y)
    return loss_sum / n, good / n


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=6)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train = DataLoader(TensorDataset(*dataset(900, rng)), 32, shuffle=True)
    test = DataLoader(TensorDataset(*dataset(300, rng)), 100)
    model = ECGTransformer()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    for e in range(args.epochs):
        l, a = run_epoch(model, train, opt)
        print(f"epoch {e} train loss {l:.4f} acc {a:.3f}")
    print(f"test accuracy: {run_epoch(model, test)[1]:.4f}")
