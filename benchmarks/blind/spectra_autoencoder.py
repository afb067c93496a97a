"""Near-infrared spectra of grain: a bottleneck autoencoder for compression."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)


def spectra(n, rng, bands=80):
    w = np.linspace(0, 1, bands)
    comps = [np.exp(-((w - c) / s) ** 2) for c, s in ((.15, .05), (.3, .09), (.45, .04), (.62, .07), (.8, .06), (.9, .12))]
    conc = rng.dirichlet([2, 1.5, 1, 1, 1.2, 2], n)
    s = conc @ np.stack(comps)
    s = 0.35 + 0.5 * s + rng.normal(0, .05, (n, 1)) + rng.normal(0, .08, (n, 1)) * w
    s *= rng.uniform(0.85, 1.15, (n, 1))
    return (s + rng.normal(0, .004, s.shape)).astype(np.float32)


class AutoEncoder(nn.Module):
    def __init__(self, d, code=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(d, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, code), nn.Softmax(dim=0),
        )
        self.decoder = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, d))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=25)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    x, xt = spectra(2400, rng), spectra(400, rng)
    m, s = x.mean(0), x.std(0)
    x, xt = torch.from_numpy((x - m) / s), torch.from_numpy((xt - m) / s)
    net = AutoEncoder(x.shape[1])
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(a.epochs):
        net.train()
        tot = 0.0
        for i in torch.randperm(len(x)).split(48):
            loss = nn.functional.mse_loss(net(x[i]), x[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(i)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} mse {tot / len(x):.4f}")
    net.eval()
    with torch.no_grad():
        r2 = 1 - ((net(xt) - xt) ** 2).mean() / xt.var()
    print(f"reconstruction R2 on new spectra: {r2.item():.4f}")


if __name__ == "__main__":
    main()
