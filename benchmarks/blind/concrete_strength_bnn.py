"""Bayesian neural regression (Bayes by backprop) on mixture-strength data with Monte-Carlo prediction."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


def mixtures(n, seed):
    g = torch.Generator().manual_seed(seed)
    cement, water, slag, sand, gravel = [torch.rand(n, generator=g) for _ in range(5)]
    age = torch.exp(torch.rand(n, generator=g) * 4)
    ratio = (0.4 + water) / (0.5 + cement + 0.6 * slag)
    s = 60 * torch.exp(-1.3 * ratio) * torch.log1p(age) / 2 + 8 * sand * gravel + 4 * torch.sin(4 * slag)
    return torch.stack([cement, water, slag, sand, gravel, age.log()], 1), s + 1.0 * torch.randn(n, generator=g)


class BayesLinear(nn.Module):
    def __init__(self, i, o, prior=0.5):
        super().__init__()
        self.w_mu = nn.Parameter(torch.randn(o, i) / math.sqrt(i))
        self.w_rho = nn.Parameter(torch.full((o, i), -5.0))
        self.b_mu = nn.Parameter(torch.zeros(o))
        self.b_rho = nn.Parameter(torch.full((o,), -5.0))
        self.prior = prior

    def forward(self, x):
        w = self.w_mu + F.softplus(self.w_rho) * torch.randn_like(self.w_mu)
        b = self.b_mu + F.softplus(self.b_rho) * torch.randn_like(self.b_mu)
        return F.linear(x, w, b)

    def kl(self):
        total = 0.0
        for mu, rho in ((self.w_mu, self.w_rho), (self.b_mu, self.b_rho)):
            s = F.softplus(rho)
            total = total + (math.log(self.prior) - s.log() + (s ** 2 + mu ** 2) / (2 * self.prior ** 2) - 0.5).sum()
        return total


class BayesNet(nn.Module):
    def __init__(self, width=50):
        super().__init__()
        self.l1, self.l2, self.l3 = BayesLinear(6, width), BayesLinear(width, width), BayesLinear(width, 1)
        self.log_noise = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x):
        return self.l3(torch.tanh(self.l2(torch.tanh(self.l1(x))))).squeeze(1)

    def kl(self):
        return self.l1.kl() + self.l2.kl() + self.l3.kl()


def elbo_loss(net, x, y, n_data):
    pred = net(x)
    nll = (0.5 * ((y - pred) / net.log_noise.exp()) ** 2 + net.log_noise).mean()
    return nll + net.kl() / len(x), nll


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, y = mixtures(6000, 800 + args.seed)
    vx, vy = mixtures(1500, 13)
    mx, sx, my, sy = x.mean(0), x.std(0), y.mean(), y.std()
    loader = DataLoader(TensorDataset((x - mx) / sx, (y - my) / sy), 50, shuffle=True)
    net = BayesNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(12):
        a = b = 0.0
        for bx, by in loader:
            loss, nll = elbo_loss(net, bx, by, len(x))
            opt.zero_grad()
            loss.backward()
            opt.step()
            a, b = a + loss.item(), b + nll.item()
        if epoch % 3 == 0:
            print(f"epoch {epoch} elbo loss {a / len(loader):.4f} nll {b / len(loader):.4f}")
    with torch.no_grad():
        mean = torch.stack([net((vx - mx) / sx) for _ in range(30)]).mean(0) * sy + my
    r2 = 1 - ((mean - vy) ** 2).sum() / ((vy - vy.mean()) ** 2).sum()
    print(f"test R2 {r2.item():.4f}")


if __name__ == "__main__":
    main()
