"""DeepSurv-style Cox network; the partial likelihood is re-written from the R package docs (Breslow, no ties)."""
import argparse

import numpy as np
import torch
from torch import nn


def cohort(rng, n):
    age = rng.normal(62, 9, n)
    ecog = rng.choice([0, 1, 2, 3], n, p=[0.3, 0.4, 0.2, 0.1])
    sex = rng.integers(0, 2, n)
    karno = 100 - 12 * ecog + rng.normal(0, 6, n)
    wtloss = rng.gamma(1.5, 6, n)
    markers = rng.normal(0, 1, (n, 6))
    risk = (0.5 * ((age - 62) / 9) ** 2 + 0.6 * ecog - 0.5 * sex + 0.03 * wtloss
            + 0.8 * np.tanh(markers[:, 0] * markers[:, 1]) + 0.4 * markers[:, 2])
    t = rng.weibull(1.4, n) * 500 * np.exp(-risk / 1.4)
    c = rng.exponential(600, n)
    x = np.column_stack([(age - 62) / 9, ecog - 1, sex, (karno - 85) / 12, (wtloss - 9) / 7, markers])
    return x.astype("float32"), np.minimum(t, c).astype("float32"), (t <= c).astype("float32")


def neg_partial_log_likelihood(log_hr, time, event):
    order = torch.argsort(time)
    log_hr, event = log_hr[order], event[order]
    log_risk = torch.logcumsumexp(log_hr, dim=0)
    return -((log_hr - log_risk) * event).sum() / event.sum().clamp(min=1)


def concordance(score, time, event):
    num = den = 0.0
    for i in np.flatnonzero(event):
        later = time > time[i]
        den += later.sum()
        num += (score[i] > score[later]).sum() + 0.5 * (score[i] == score[later]).sum()
    return num / den


class Trainer:
    def __init__(self, seed, n_in=11):
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(n_in, 64), nn.SELU(), nn.Linear(64, 32), nn.SELU(), nn.Linear(32, 1))
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=1e-2)

    def epoch(self, x, t, e, batch=200):
        tot, k = 0.0, 0
        for b in torch.randperm(len(x)).split(batch):
            loss = neg_partial_log_likelihood(self.net(x[b]).squeeze(1), t[b], e[b])
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            tot, k = tot + loss.item(), k + 1
        return tot / k

    def score(self, x):
        with torch.no_grad():
            return self.net(x).squeeze(1).numpy()


if __name__ == "__main__":
    torch.set_num_threads(1)
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=60)
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    x, t, e = (torch.from_numpy(v) for v in cohort(rng, 4500))
    xt, tt, et = cohort(rng, 1000)
    tr = Trainer(a.seed)
    for ep in range(a.epochs):
        loss = tr.epoch(x, t, e)
        if ep % 10 == 9:
            print(f"epoch {ep + 1} npll {loss:.4f} c-index {concordance(tr.score(torch.from_numpy(xt)), tt, et):.3f}")
    print(f"test concordance {concordance(tr.score(torch.from_numpy(xt)), tt, et):.4f}")
