"""DeepSurv-style proportional hazards network on pump failure times with right censoring."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)


def pumps(n, seed):
    rng = np.random.default_rng(seed)
    load, temp, age, vib = rng.normal(size=(4, n))
    site = rng.integers(0, 3, n)
    risk = 0.8 * load + 0.9 * np.maximum(temp, 0) ** 1.3 - 0.6 * vib * (site == 1) + 0.5 * age ** 2 * (site == 2)
    t = rng.weibull(1.4, n) * np.exp(-risk / 1.4) * 10
    c = rng.exponential(12, n)
    x = np.column_stack([load, temp, age, vib, np.eye(3)[site], rng.normal(size=(n, 4))])
    return (torch.tensor(x, dtype=torch.float32), torch.tensor(np.minimum(t, c), dtype=torch.float32),
            torch.tensor((t <= c).astype(np.float32)))


def cox_ph_loss(log_h, durations, events):
    """Negative partial log-likelihood; the risk set is accumulated along the sorted batch."""
    order = durations.sort()[1]
    log_h, events = log_h[order], events[order]
    log_risk = torch.logcumsumexp(log_h, dim=0)
    return -((log_h - log_risk) * events).sum() / events.sum().clamp_min(1)


def concordance(score, t, e):
    earlier = (t[:, None] < t[None]) & (e[:, None] == 1)
    diff = score[:, None] - score[None]
    return ((diff > 0) & earlier).sum().item() / earlier.sum().item()


class DeepSurv(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 64), nn.BatchNorm1d(64), nn.SELU(), nn.Dropout(0.1),
                                 nn.Linear(64, 32), nn.BatchNorm1d(32), nn.SELU(), nn.Linear(32, 1, bias=False))

    def forward(self, x):
        return self.net(x).squeeze(-1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    seed = p.parse_args().seed
    torch.manual_seed(seed)
    x, t, e = pumps(3000, 30 + seed)
    vx, vt, ve = pumps(1000, 2)
    mean, std = x.mean(0), x.std(0)
    x, vx = (x - mean) / std, (vx - mean) / std
    model = DeepSurv(x.size(1))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    for epoch in range(25):
        model.train()
        tot, perm = 0.0, torch.randperm(len(x))
        for idx in perm.split(128):
            loss = cox_ph_loss(model(x[idx]), t[idx], e[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        if epoch % 5 == 0:
            print(f"epoch {epoch} partial nll {tot / 24:.4f}")
    model.eval()
    with torch.no_grad():
        print(f"held-out concordance {concordance(model(vx), vt, ve):.4f}")


if __name__ == "__main__":
    main()
