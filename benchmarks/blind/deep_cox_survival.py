"""DeepSurv-style Cox network on simulated clinical data with censoring."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def cohort(n, rng):
    age = rng.normal(62, 10, n)
    stage = rng.integers(1, 5, n)
    marker = rng.lognormal(0, 0.6, n)
    treat = rng.random(n) < 0.5
    bmi = rng.normal(26, 4, n)
    junk = rng.normal(size=(n, 4))
    risk = (0.04 * (age - 62) + 0.5 * (stage - 2.5) + 0.9 * np.log(marker) - 0.8 * treat * (marker > 1)
            + 0.012 * (bmi - 25) ** 2)
    t = rng.weibull(1.4, n) * 24 * np.exp(-risk / 1.4)
    c = rng.exponential(40, n)
    X = np.column_stack([age, stage, marker, treat, bmi, junk])
    X = (X - X.mean(0)) / X.std(0)
    return (torch.tensor(X, dtype=torch.float32), torch.tensor(np.minimum(t, c), dtype=torch.float32),
            torch.tensor(t <= c, dtype=torch.float32))


class CoxPHLoss(nn.Module):
    """Negative partial log likelihood (Breslow ties)."""

    def forward(self, log_h, durations, events):
        order = durations.sort().indices
        log_h, events = log_h.view(-1)[order], events.view(-1)[order]
        gamma = log_h.max()
        log_cumsum = (log_h - gamma).exp().cumsum(0).add(1e-7).log().add(gamma)
        return -(log_h - log_cumsum).mul(events).sum().div(events.sum().clamp(min=1))


def concordance(risk, t, e):
    risk, t, e = risk.numpy(), t.numpy(), e.numpy()
    comparable = (t[:, None] < t[None]) & (e[:, None] > 0)
    good = (risk[:, None] > risk[None]) + 0.5 * (risk[:, None] == risk[None])
    return (good * comparable).sum() / comparable.sum()


class DeepSurv(nn.Module):
    def __init__(self, d, hidden=(48, 48), p=0.1):
        super().__init__()
        mods = []
        for h in hidden:
            mods += [nn.Linear(d, h), nn.SELU(), nn.AlphaDropout(p)]
            d = h
        self.f = nn.Sequential(*mods, nn.Linear(d, 1, bias=False))

    def forward(self, x):
        return self.f(x)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=30)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    train, test = cohort(2500, rng), cohort(1000, rng)
    loader = DataLoader(TensorDataset(*train), batch_size=128, shuffle=True)
    net, crit = DeepSurv(train[0].shape[1]), CoxPHLoss()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
    for ep in range(a.epochs):
        net.train()
        tot = 0.0
        for x, t, e in loader:
            loss = crit(net(x), t, e)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        if ep % 6 == 0:
            print(f"epoch {ep} npll {tot / len(loader):.4f}")
    net.eval()
    with torch.no_grad():
        c = concordance(net(test[0]).view(-1), test[1], test[2])
    print(f"test concordance {c:.4f}")


if __name__ == "__main__":
    main()
