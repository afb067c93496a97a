"""Probabilistic wind-power regression: a network predicts the mean and the variance of the output."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader


def turbine(n, rng):
    speed = rng.weibull(2.0, n) * 8
    direction = rng.uniform(0, 2 * np.pi, n)
    temp = rng.normal(10, 8, n)
    turb = rng.gamma(2, 0.05, n)
    hour = rng.uniform(0, 24, n)
    curve = 1 / (1 + np.exp(-(speed - 8.5) / 1.4))
    wake = 1 - 0.25 * np.exp(-((direction - 2.0) / 0.4) ** 2)
    dens = 1 - 0.004 * (temp - 10)
    mean = 2.0 * curve * wake * dens * (speed < 22)
    sd = 0.02 + 1.2 * turb * curve * (1 - curve) * 4 + 0.03 * curve
    y = mean + sd * rng.normal(size=n)
    x = np.column_stack([speed, np.sin(direction), np.cos(direction), temp, turb, np.sin(hour / 24 * 2 * np.pi)])
    return x.astype(np.float32), y.astype(np.float32)[:, None]


class MeanVarianceNet(nn.Module):
    def __init__(self, d, hidden=64):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.mean = nn.Linear(hidden, 1)
        self.var = nn.Sequential(nn.Linear(hidden, 1), nn.ReLU())

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.var(h)


class Standardizer:
    def fit(self, a):
        self.mu, self.sd = a.mean(0, keepdims=True), a.std(0, keepdims=True)
        return self

    def __call__(self, a):
        return torch.from_numpy((a - self.mu) / self.sd)


class Experiment:
    def __init__(self, seed, epochs):
        rng = np.random.default_rng(seed)
        xtr, ytr = turbine(3000, rng)
        xte, yte = turbine(1000, rng)
        sx, sy = Standardizer().fit(xtr), Standardizer().fit(ytr)
        self.loader = DataLoader(TensorDataset(sx(xtr), sy(ytr)), batch_size=64, shuffle=True)
        self.test = sx(xte), sy(yte)
        self.model = MeanVarianceNet(xtr.shape[1])
        self.criterion = nn.GaussianNLLLoss(eps=1e-6)
        self.opt = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.epochs = epochs

    def run(self):
        for epoch in range(self.epochs):
            self.model.train()
            losses = []
            for x, y in self.loader:
                mean, var = self.model(x)
                loss = self.criterion(mean, y, var)
                self.opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
                self.opt.step()
                losses.append(loss.item())
            if epoch % 3 == 0:
                print(f"epoch {epoch} nll {np.mean(losses):.4f}")
        return self.crps()

    @torch.no_grad()
    def crps(self):
        self.model.eval()
        x, y = self.test
        mean, var = self.model(x)
        s = var.clamp(min=1e-6).sqrt()
        z = (y - mean) / s
        n = torch.distributions.Normal(0.0, 1.0)
        pdf = n.log_prob(z).exp()
        return (s * (z * (2 * n.cdf(z) - 1) + 2 * pdf - 1 / np.sqrt(np.pi))).mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=24)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    print(f"test CRPS: {Experiment(args.seed, args.epochs).run():.4f}")
