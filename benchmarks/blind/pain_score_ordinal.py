"""Ordinal pain score (0-5) from post-operative monitoring, cumulative link model on top of an MLP."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
K = 6


def cohort(n, rng):
    x = rng.normal(size=(n, 9)).astype(np.float32)
    hr, bp, cond, pupil, resp, dose, hours, bmi, age = x.T
    latent = 1.2 * hr * (1 + 0.5 * np.tanh(cond)) + 0.8 * np.abs(pupil) - 1.1 * dose + 0.7 * resp * bp - 0.4 * hours
    latent = 2.2 * latent + rng.logistic(0, 0.6, n)
    y = np.searchsorted([-1.5, 1.5, 3.0, 4.5, 6.5], latent)
    return torch.from_numpy(x), torch.from_numpy(y)


class CumulativeLink(nn.Module):
    """P(y > k) = sigmoid(score - cut_k)"""

    def __init__(self, n_classes, spread):
        super().__init__()
        start = spread * torch.linspace(-1, 1, n_classes - 1)
        self.cuts = start.clone().requires_grad_(True)

    def forward(self, score):
        return score[:, None] - self.cuts


class OrdinalNet(nn.Module):
    def __init__(self, d, h=48):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(d, h), nn.ELU(), nn.Linear(h, h), nn.ELU(), nn.Linear(h, 1, bias=False))
        self.link = CumulativeLink(K, spread=0.5)

    def forward(self, x):
        return self.link(self.mlp(x).squeeze(1))


def levels(y):
    return (y[:, None] > torch.arange(K - 1)).float()


def decode(logits):
    p = torch.sigmoid(logits)
    upper = torch.cat([torch.ones(len(p), 1), p], 1)
    lower = torch.cat([p, torch.zeros(len(p), 1)], 1)
    return (upper - lower).argmax(1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=30)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = cohort(3000, rng)
    xt, yt = cohort(1500, rng)
    model = OrdinalNet(x.shape[1])
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(args.epochs):
        total = 0.0
        for idx in torch.randperm(len(x)).split(50):
            loss = F.binary_cross_entropy_with_logits(model(x[idx]), levels(y[idx]))
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:2d} loss {total / len(x):.4f}")
    model.eval()
    with torch.no_grad():
        mae = (decode(model(xt)) - yt).abs().float().mean().item()
    print(f"test mean absolute error in steps (lower is better): {mae:.4f}")


if __name__ == "__main__":
    main()
