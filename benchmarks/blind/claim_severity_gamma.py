"""Severity of motor insurance claims with a Gamma network.

Translated from the R scripts of the pricing team.
"""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.distributions import Gamma


@dataclass
class Config:
    seed: int = 0
    n_train: int = 6000
    n_test: int = 2000
    hidden: int = 48
    lr: float = 2e-3
    epochs: int = 36
    batch: int = 128


def portfolio(rng, n):
    age = rng.uniform(18, 80, n)
    power = rng.gamma(4, 25, n)
    veh_age = rng.exponential(6, n)
    urban = rng.integers(0, 2, n)
    brand = rng.integers(0, 4, n)
    eta = (0.0 + 0.9 * np.exp(-(age - 18) / 12) + 0.004 * power - 0.05 * veh_age
           + 0.3 * urban + np.array([0.0, 0.25, -0.3, 0.1])[brand] + 0.35 * urban * (age > 60))
    mu = np.exp(eta)
    y = rng.gamma(2.5, mu / 2.5)
    x = np.column_stack([(age - 49) / 18, (power - 100) / 50, (veh_age - 6) / 6, urban, np.eye(4)[brand]])
    return (torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).clamp(min=1e-3))


class SeverityNet(nn.Module):
    def __init__(self, n_in, hidden):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mu = nn.Linear(hidden, 1)
        self.log_shape = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        mu = torch.exp(self.mu(self.body(x)).squeeze(-1))
        return mu, self.log_shape.exp()


def nll(mu, shape, y):
    scale = mu / shape
    return -Gamma(shape, scale).log_prob(y).mean()


def deviance(mu, y):
    return (2 * (-(y / mu).log() + (y - mu) / mu)).mean().item()


def fit(cfg):
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    x, y = portfolio(rng, cfg.n_train)
    xt, yt = portfolio(rng, cfg.n_test)
    net = SeverityNet(x.shape[1], cfg.hidden)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.epochs)
    for epoch in range(cfg.epochs):
        order = torch.randperm(len(x))
        tot = 0.0
        for b in order.split(cfg.batch):
            mu, shape = net(x[b])
            loss = nll(mu, shape, y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(b)
        sched.step()
        print(f"[{epoch:02d}] nll={tot / len(x):.4f} shape={net.log_shape.exp().item():.3f}")
    with torch.no_grad():
        mu, _ = net(xt)
    print(f"test gamma deviance: {deviance(mu, yt):.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    fit(Config(seed=parser.parse_args().seed))
