"""Long-horizon electricity load forecasting with an Informer-style encoder/decoder."""
import argparse
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn as nn

CFG = SimpleNamespace(seq_len=48, label_len=12, pred_len=24, d_model=32, heads=4, batch=48, lr=2e-3, steps=320)


def load_series(hours, rng):
    t = np.arange(hours)
    temp = 8 * np.sin(2 * np.pi * t / (24 * 60)) + np.convolve(rng.normal(0, 1, hours + 47), np.ones(48) / 6, "valid")
    day = 1 + 0.35 * np.sin(2 * np.pi * (t - 7) / 24) + 0.18 * np.sin(4 * np.pi * (t - 3) / 24)
    weekend = ((t // 24) % 7 >= 5)
    level = 0.1 * np.convolve(rng.normal(0, 1, hours + 199), np.ones(200), "valid") / 200 ** 0.5
    y = day * np.where(weekend, 0.75, 1.0) + 0.02 * np.abs(temp) + level - level.mean() + rng.normal(0, 0.04, hours)
    marks = np.stack([np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24), weekend.astype(float)], 1)
    return y.astype(np.float32), marks.astype(np.float32)


class Windows:
    def __init__(self, y, marks, c):
        self.y, self.m, self.c = torch.from_numpy(y), torch.from_numpy(marks), c

    def __len__(self):
        return len(self.y) - self.c.seq_len - self.c.pred_len

    def get(self, idx):
        c = self.c
        enc = torch.stack([torch.arange(i, i + c.seq_len) for i in idx])
        dec = torch.stack([torch.arange(i + c.seq_len - c.label_len, i + c.seq_len + c.pred_len) for i in idx])
        return self.y[enc], self.m[enc], self.y[dec], self.m[dec]


class Embed(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        self.val, self.mark = nn.Linear(1, d), nn.Linear(3, d)
        self.pos = nn.Parameter(torch.randn(n, d) * 0.1)

    def forward(self, y, m):
        return self.val(y[..., None]) + self.mark(m) + self.pos


class EncDec(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.e1 = Embed(c.d_model, c.seq_len)
        self.e2 = Embed(c.d_model, c.label_len + c.pred_len)
        kw = dict(dim_feedforward=64, dropout=0.0, batch_first=True)
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(c.d_model, c.heads, **kw), 1)
        self.dec = nn.TransformerDecoder(nn.TransformerDecoderLayer(c.d_model, c.heads, **kw), 1)
        self.proj = nn.Linear(c.d_model, 1)

    def forward(self, y_enc, m_enc, y_dec, m_dec):
        mem = self.enc(self.e1(y_enc, m_enc))
        return self.proj(self.dec(self.e2(y_dec, m_dec), mem)).squeeze(-1)[:, -self.c.pred_len:]


class Experiment:
    def __init__(self, c, seed):
        self.c = c
        rng = np.random.default_rng(seed)
        y, m = load_series(24 * 200, rng)
        n = 24 * 150
        y = (y - y[:n].mean()) / y[:n].std()
        self.train_set, self.test_set = Windows(y[:n], m[:n], c), Windows(y[n:], m[n:], c)
        self.model = EncDec(c)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=c.lr)
        self.rng = rng

    def decoder_input(self, y_dec):
        known = y_dec[:, :self.c.label_len]
        return torch.cat([known, torch.zeros(len(y_dec), self.c.pred_len)], 1)

    def train(self):
        for step in range(self.c.steps):
            ye, me, yd, md = self.train_set.get(self.rng.integers(0, len(self.train_set), self.c.batch))
            out = self.model(ye, me, yd, md)
            loss = (out - yd[:, -self.c.pred_len:]).pow(2).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            if step % 60 == 0:
                print(f"iter {step} train mse {loss.item():.4f}")

    @torch.no_grad()
    def test(self):
        self.model.eval()
        ye, me, yd, md = self.test_set.get(range(0, len(self.test_set), 5))
        out = self.model(ye, me, self.decoder_input(yd), md)
        return (out - yd[:, -self.c.pred_len:]).pow(2).mean().item()


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
a = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(a.seed)
exp = Experiment(CFG, a.seed)
exp.train()
print(f"test mse {exp.test():.4f}")
