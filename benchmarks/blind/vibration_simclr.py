"""Self-supervised features for machine vibration spectra (SimCLR style), judged by a nearest-neighbour classifier."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
LEN, CLASSES = 96, 8
_g = torch.Generator().manual_seed(17)
PEAKS = torch.rand(CLASSES, 3, generator=_g) * 0.8 + 0.1
HEIGHT = torch.rand(CLASSES, 3, generator=_g) * 0.8 + 0.4


def spectra(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, CLASSES, (n,), generator=g)
    grid = torch.linspace(0, 1, LEN)
    centre = PEAKS[y] + 0.01 * torch.randn(n, 3, generator=g)
    x = (HEIGHT[y][:, :, None] * torch.exp(-((grid - centre[:, :, None]) / 0.02) ** 2)).sum(1)
    tilt = torch.randn(n, 1, generator=g) * 1.5
    offset = torch.randn(n, 1, generator=g) * 1.5
    gain = torch.exp(0.6 * torch.randn(n, 1, generator=g))
    hum = torch.randn(n, 1, generator=g) * torch.cos(2 * math.pi * (2 * grid + torch.rand(n, 1, generator=g)))
    return gain * x + tilt * (grid - 0.5) + offset + hum + 0.05 * torch.randn(n, LEN, generator=g), y


def augment(x):
    grid = torch.linspace(0, 1, LEN)
    x = x * math.exp(0.5 * torch.randn(()).item())
    x = x + 1.2 * torch.randn(()) * (grid - 0.5) + 1.2 * torch.randn(())
    x = x + torch.randn(()) * torch.cos(2 * math.pi * (2 * grid + torch.rand(())))
    return x + 0.05 * torch.randn(LEN)


class TwoViewDataset(Dataset):
    def __init__(self, x, transform, n_views=2):
        self.x, self.transform, self.n_views = x, transform, n_views

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        view = self.transform(self.x[i])
        return torch.stack([view for _ in range(self.n_views)])


class Encoder(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(LEN, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, d))
        self.proj = nn.Sequential(nn.ReLU(), nn.Linear(d, 32))

    def forward(self, x):
        return self.proj(self.body(x))


def nt_xent(z1, z2, tau=0.2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    n = len(z1)
    sim = z @ z.t() / tau
    sim.fill_diagonal_(-1e9)
    target = torch.cat([torch.arange(n) + n, torch.arange(n)])
    return F.cross_entropy(sim, target)


@torch.no_grad()
def knn_accuracy(model, bank, by, query, qy, k=5):
    model.eval()
    a, b = F.normalize(model.body(bank), dim=1), F.normalize(model.body(query), dim=1)
    votes = by[(b @ a.t()).topk(k, 1).indices]
    pred = F.one_hot(votes, CLASSES).sum(1).argmax(1)
    model.train()
    return (pred == qy).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, _ = spectra(2500, 80 + args.seed)
    bank, by = spectra(400, 6)
    query, qy = spectra(600, 7)
    loader = DataLoader(TwoViewDataset(x, augment), 128, shuffle=True, drop_last=True)
    model = Encoder()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
    for epoch in range(12):
        tot = 0.0
        for views in loader:
            loss = nt_xent(model(views[:, 0]), model(views[:, 1]))
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item()
        if epoch % 3 == 0:
            print(f"epoch {epoch} loss {tot / len(loader):.4f}")
    print(f"kNN accuracy {knn_accuracy(model, bank, by, query, qy):.4f}")


if __name__ == "__main__":
    main()
