# Mixture of experts (Jacobs, Jordan, Nowlan, Hinton 1991), regression on a regime-switching economy
import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from dataclasses import dataclass

torch.set_num_threads(1)


@dataclass
class Config:
    seed: int = int(os.environ.get("SEED", "0"))
    n_train: int = 4000
    n_test: int = 1500
    experts: int = 4
    hidden: int = 16
    batch: int = 64
    epochs: int = 16
    lr: float = 4e-3


def economy(n, g):
    """ inflation, output gap, unemployment, spread, fx, oil -> policy rate; the reaction function changes with regime """
    x = torch.randn(n, 6, generator=g)
    taylor = 1.5 * x[:, 0] + 0.5 * x[:, 1]
    crisis = -1.0 * x[:, 3].abs() - 0.8 * x[:, 2]
    peg = 1.8 * x[:, 4]
    r = torch.where(x[:, 3] > 0.8, crisis, torch.where(x[:, 5] > 0.5, peg, taylor))
    return x, (r + 0.1 * torch.randn(n, generator=g)).unsqueeze(1)


class Expert(nn.Module):
    def __init__(self, d_in, d_h):
        super().__init__()
        self.l1 = nn.Linear(d_in, d_h)
        self.l2 = nn.Linear(d_h, 1)

    def forward(self, x):
        return self.l2(torch.tanh(self.l1(x)))


class MixtureOfExperts(nn.Module):
    def __init__(self, d_in, cfg):
        super().__init__()
        self.experts = nn.ModuleList(Expert(d_in, cfg.hidden) for _ in range(cfg.experts))
        self.gate = nn.Sequential(nn.Linear(d_in, 32), nn.Tanh(), nn.Linear(32, cfg.experts))

    def forward(self, x):
        g = F.softmax(self.gate(x), dim=0)                            # mixing proportions
        y = torch.stack([e(x) for e in self.experts], dim=1).squeeze(-1)
        return (g * y).sum(dim=1, keepdim=True)


def train(cfg):
    g = torch.Generator().manual_seed(cfg.seed)
    torch.manual_seed(cfg.seed)
    x, y = economy(cfg.n_train, g)
    xt, yt = economy(cfg.n_test, g)
    net = MixtureOfExperts(x.size(1), cfg)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, cfg.epochs)
    for epoch in range(cfg.epochs):
        order = torch.randperm(len(x))
        acc = 0.0
        for k in range(0, len(x), cfg.batch):
            i = order[k:k + cfg.batch]
            loss = F.mse_loss(net(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            acc += loss.item() * len(i)
        sched.step()
        if epoch % 3 == 0:
            print("[%02d] train mse %.4f" % (epoch, acc / len(x)))
    with torch.no_grad():
        pred = net(xt)
    r2 = 1 - F.mse_loss(pred, yt) / yt.var()
    return r2.item()


if __name__ == "__main__":
    r2 = train(Config())
    print("out-of-sample R2 (higher is better)")
    print("score: %.4f" % r2)
