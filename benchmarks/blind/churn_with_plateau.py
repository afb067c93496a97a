"""Customer churn; the rate is cut when the validation AUC stops getting better."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from torch.optim.lr_scheduler import ReduceLROnPlateau

torch.set_num_threads(1)


def customers(n, rng):
    tenure = rng.exponential(24, n)
    monthly = rng.normal(55, 18, n)
    calls = rng.poisson(1.2, n)
    data = rng.gamma(2, 8, n)
    contract = rng.integers(0, 3, n)
    promo = rng.random(n) < 0.3
    age = rng.normal(44, 14, n)
    use_change = rng.normal(0, 1, n)
    s = (-0.8 * contract + 1.0 * (use_change < -0.5) * (monthly > 55) * 2 + 1.1 * np.sin(tenure / 4) * (contract == 0)
         + 0.8 * (calls > 2) * (1 + promo) - 0.9 * np.abs(age - 44) / 14 * promo + 0.9 * np.tanh((monthly - data * 3) / 20))
    y = rng.random(n) < 1 / (1 + np.exp(-(2 * s - 0.5)))
    x = np.stack([tenure, monthly, calls, data, contract == 0, contract == 1, promo, age, use_change], 1)
    return x.astype(np.float32), y.astype(np.float32)


class ChurnNet(nn.Module):
    def __init__(self, d, width=64, depth=3):
        super().__init__()
        dims = [d] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims, dims[1:]))
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.out(x).squeeze(1)


class Fitter:
    def __init__(self, net, lr=0.05):
        self.net = net
        self.opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
        self.sched = ReduceLROnPlateau(self.opt, factor=0.1, patience=1)

    def auc(self, x, y):
        self.net.eval()
        with torch.no_grad():
            return roc_auc_score(y, self.net(x))

    def fit(self, x, y, xv, yv, epochs):
        for epoch in range(epochs):
            self.net.train()
            for idx in torch.randperm(len(x)).split(64):
                loss = nn.functional.binary_cross_entropy_with_logits(self.net(x[idx]), y[idx])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
            auc = self.auc(xv, yv)
            self.sched.step(auc)
            print(f"epoch {epoch + 1:2d} val auc {auc:.4f} lr {self.opt.param_groups[0]['lr']:.2e}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=25)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    x, y = customers(7000, rng)
    x = (x - x[:4000].mean(0)) / x[:4000].std(0)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    fitter = Fitter(ChurnNet(x.shape[1]), lr=0.004)
    fitter.fit(x[:4000], y[:4000], x[4000:5000], y[4000:5000], a.epochs)
    print(f"test AUC: {fitter.auc(x[5000:], y[5000:]):.4f}")


if __name__ == "__main__":
    main()
