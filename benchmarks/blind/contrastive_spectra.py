"""Self-supervised pretraining on synthetic spectra (SimCLR), then a linear probe on few labels."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, Dataset

N_BIN, N_CLASS = 64, 8


def make_spectra(n, rng):
    grid = np.arange(N_BIN)
    lib = np.random.RandomState(77)
    lines = [np.sort(lib.choice(np.arange(6, 58), 3, replace=False)) for _ in range(N_CLASS)]
    amps = lib.uniform(0.6, 1.2, (N_CLASS, 3))
    X, y = [], rng.randint(0, N_CLASS, n)
    for c in y:
        s = np.zeros(N_BIN)
        for mu, a in zip(lines[c], amps[c]):
            s += a * np.exp(-0.5 * ((grid - mu) / 1.3) ** 2)
        s = s * rng.uniform(0.4, 1.6)
        s += rng.uniform(0, 5) * np.exp(-grid / rng.uniform(8, 60)) + rng.uniform(-1.5, 1.5)
        s += rng.uniform(-3, 3) * np.sin(grid / rng.uniform(10, 25) + rng.uniform(0, 6))
        X.append(s + 0.05 * rng.randn(N_BIN))
    return np.asarray(X, np.float32), y


class Augment:
    def __init__(self, seed=0):
        self.seed = seed

    def __call__(self, s, index):
        g = torch.Generator().manual_seed(self.seed + index)
        return self.distort(s, g)

    def distort(self, s, g):
        t = torch.linspace(0, 1, N_BIN)
        u = torch.rand(6, generator=g)
        base = (u[0] - 0.5) * 8 * torch.exp(-t / (0.1 + u[1])) + (u[2] - 0.5) * 3
        wave = (u[3] - 0.5) * 7 * torch.sin(2 * np.pi * (t * (0.4 + u[4]) + u[5]))
        out = s * (0.5 + torch.rand(1, generator=g)) + base + wave
        out = out + 0.1 * torch.randn(N_BIN, generator=g)
        start = torch.randint(0, N_BIN - 8, (1,), generator=g).item()
        out = out.clone()
        out[start:start + 6] = out.mean()
        return out


class TwoViews(Dataset):
    def __init__(self, X, augment):
        self.X, self.augment = torch.from_numpy(X), augment

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.augment(self.X[i], i), self.augment(self.X[i], i)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(1, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2),
                               nn.Conv1d(16, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU(), nn.MaxPool1d(2),
                               nn.Flatten(), nn.Linear(32 * 16, 32))
        self.proj = nn.Sequential(nn.ReLU(), nn.Linear(32, 32))

    def forward(self, x):
        return self.f(x[:, None])


def nt_xent(a, b, tau=0.2):
    z = F.normalize(torch.cat([a, b]), dim=1)
    sim = z @ z.T / tau
    sim.fill_diagonal_(-1e9)
    n = len(a)
    return F.cross_entropy(sim, torch.cat([torch.arange(n) + n, torch.arange(n)]))


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    seed = ap.parse_args().seed
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(seed)
    X, y = make_spectra(1200, rng)
    Xt, yt = make_spectra(600, rng)
    loader = DataLoader(TwoViews(X, Augment(seed)), batch_size=100, shuffle=True, drop_last=True)
    net = Encoder()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(16):
        tot = 0.0
        for a, b in loader:
            loss = nt_xent(net.proj(net(a)), net.proj(net(b)))
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1} nt-xent {tot / len(loader):.4f}")
    net.eval()
    with torch.no_grad():
        ftr, fte = net(torch.from_numpy(X)).numpy(), net(torch.from_numpy(Xt)).numpy()
    few = slice(0, 48)
    mu, sd = ftr.mean(0), ftr.std(0) + 1e-6
    clf = LogisticRegression(max_iter=500).fit((ftr[few] - mu) / sd, y[few])
    print(f"linear probe accuracy {clf.score((fte - mu) / sd, yt):.4f}")
