"""Tabular network for insurance claims with a high-cardinality garage code turned into a target statistic."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

torch.set_num_threads(1)
N_CODES = 2500


def claims(n, seed):
    world = np.random.default_rng(77)
    code_effect = world.normal(0, 0.35, N_CODES)
    rng = np.random.default_rng(seed)
    code = rng.integers(0, N_CODES, n)
    num = rng.normal(size=(n, 6))
    logit = 1.6 * np.sin(1.5 * num[:, 0]) + 1.1 * num[:, 1] * num[:, 2] + 0.9 * np.abs(num[:, 3]) - 0.8 + code_effect[code]
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return num.astype(np.float32), code, y


class TargetStatistic:
    def __init__(self, smoothing=0.5):
        self.smoothing = smoothing

    def fit(self, code, y):
        self.prior = y.mean()
        total = np.bincount(code, y, N_CODES)
        count = np.bincount(code, minlength=N_CODES)
        self.table = (total + self.smoothing * self.prior) / (count + self.smoothing)
        return self

    def transform(self, code):
        return self.table[code].astype(np.float32)

    def fit_transform(self, code, y, folds=5, seed=0):
        return self.fit(code, y).transform(code)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    num, code, y = claims(6000, 1500 + args.seed)
    vnum, vcode, vy = claims(3000, 19)
    enc = TargetStatistic()
    stat = enc.fit_transform(code, y)
    vstat = enc.transform(vcode)
    to = lambda a, s: torch.from_numpy(np.column_stack([a, 4 * (s - y.mean())]).astype(np.float32))
    x, vx, ty = to(num, stat), to(vnum, vstat), torch.from_numpy(y)
    net = nn.Sequential(nn.Linear(7, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1),
                        nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    crit = nn.BCEWithLogitsLoss()
    for epoch in range(12):
        net.train()
        tot = 0.0
        for i in torch.randperm(len(x)).split(64):
            loss = crit(net(x[i]).squeeze(1), ty[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(i)
        net.eval()
        with torch.no_grad():
            auc = roc_auc_score(vy, net(vx).squeeze(1).numpy())
        if epoch % 3 == 2:
            print(f"epoch {epoch} train loss {tot / len(x):.4f} held-out AUC {auc:.4f}")
    print(f"held-out AUC {auc:.4f}")


if __name__ == "__main__":
    main()
