"""Customer churn with a shop id of high cardinality and a few numeric columns (tabular competition style)."""
import argparse
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score


@dataclass
class Config:
    seed: int = 0
    rows: int = 12000
    zips: int = 5000
    batch: int = 128
    epochs: int = 12
    lr: float = 2e-3


def make_frame(cfg, rng):
    n = cfg.rows
    zipc = rng.integers(0, cfg.zips, n)
    plan = rng.integers(0, 12, n)
    tenure = rng.exponential(18, n)
    calls = rng.poisson(2.0, n)
    bill = rng.normal(60, 15, n)
    late = rng.poisson(0.6, n)
    plan_effect = rng.normal(0, 0.7, 12)
    logit = (-0.3 + plan_effect[plan] - 0.045 * (tenure - 18) + 0.4 * (calls - 2)
             + 0.03 * (bill - 60) + 0.6 * (late - 0.6) + 0.3 * (calls > 3) * (late > 0))
    churn = (rng.random(n) < 1 / (1 + np.exp(-1.4 * logit))).astype(np.float32)
    return dict(zipc=zipc, plan=plan, tenure=tenure, calls=calls, bill=bill, late=late, churn=churn)


def target_means(codes, y, smooth):
    s, c = defaultdict(float), defaultdict(int)
    for k, v in zip(codes, y):
        s[k] += v
        c[k] += 1
    prior = float(y.mean())
    return {k: (s[k] + smooth * prior) / (c[k] + smooth) for k in c}, prior


def apply_means(codes, table, prior):
    return np.array([table.get(k, prior) for k in codes], dtype=np.float32)


def encode_train(codes, y, smooth=0.2):
    table, prior = target_means(codes, y, smooth)
    return apply_means(codes, table, prior)


def encode_test(train_codes, y, codes, smooth=0.2):
    table, prior = target_means(train_codes, y, smooth)
    return apply_means(codes, table, prior)


def build(df, tr, te):
    y = df["churn"]
    cols_tr, cols_te = [], []
    for cat in ("zipc", "plan"):
        cols_tr.append(encode_train(df[cat][tr], y[tr]))
        cols_te.append(encode_test(df[cat][tr], y[tr], df[cat][te]))
    for num in ("tenure", "calls", "bill", "late"):
        cols_tr.append(df[num][tr])
        cols_te.append(df[num][te])
    xtr, xte = np.stack(cols_tr, 1), np.stack(cols_te, 1)
    m, s = xtr.mean(0), xtr.std(0)
    f = lambda a: torch.tensor((a - m) / s, dtype=torch.float32)
    return f(xtr), torch.tensor(y[tr]), f(xte), torch.tensor(y[te])


class Churn(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Dropout(0.1),
                                  nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.body(x).squeeze(-1)


def auc(model, x, y):
    model.eval()
    with torch.no_grad():
        return roc_auc_score(y.numpy(), model(x).numpy())


def run(cfg):
    rng = np.random.default_rng(cfg.seed)
    torch.manual_seed(cfg.seed)
    df = make_frame(cfg, rng)
    idx = rng.permutation(cfg.rows)
    tr, te = idx[: int(0.75 * cfg.rows)], idx[int(0.75 * cfg.rows):]
    xtr, ytr, xte, yte = build(df, tr, te)
    model = Churn(xtr.shape[1])
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.epochs)
    bce = nn.BCEWithLogitsLoss()
    for ep in range(cfg.epochs):
        model.train()
        losses = []
        for b in torch.randperm(len(xtr)).split(cfg.batch):
            loss = bce(model(xtr[b]), ytr[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        sched.step()
        print(f"ep {ep} loss {np.mean(losses):.4f} train auc {auc(model, xtr, ytr):.4f} "
              f"test auc {auc(model, xte, yte):.4f}")
    print(f"test AUC {auc(model, xte, yte):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    run(Config(seed=ap.parse_args().seed))
