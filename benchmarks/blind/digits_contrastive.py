"""SimCLR on the 8x8 digits; NT-Xent typed in from the paper, retrieval at the end."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.set_num_threads(1)


def augment(x):
    n = x.shape[0]
    ang = (torch.rand(n) - 0.5) * 0.5
    scale = 1 + (torch.rand(n) - 0.5) * 0.3
    shift = (torch.rand(n, 2) - 0.5) * 0.4
    theta = torch.stack([torch.stack([ang.cos() * scale, -ang.sin() * scale, shift[:, 0]], 1),
                         torch.stack([ang.sin() * scale, ang.cos() * scale, shift[:, 1]], 1)], 1)
    x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)
    gain = 0.7 + 0.6 * torch.rand(n, 1, 1, 1)
    return x * gain + 0.05 * torch.randn_like(x)


class Encoder(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 32, 3, padding=1),
                                      nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 16, dim), nn.ReLU())
        self.project = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 32))

    def forward(self, x):
        h = self.features(x)
        return h, self.project(h)


def nt_xent(z1, z2, tau=0.15):
    n = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    sim = z @ z.T * tau
    sim.fill_diagonal_(float("-inf"))
    target = torch.cat([torch.arange(n, 2 * n), torch.arange(0, n)])
    return F.cross_entropy(sim, target)


def precision_at_10(enc, x, y):
    enc.eval()
    with torch.no_grad():
        z = F.normalize(enc(x)[1], dim=1)
    sim = z @ z.T
    sim.fill_diagonal_(-2)
    top = sim.topk(10, dim=1).indices
    return (y[top] == y[:, None]).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=30)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    d = load_digits()
    x = torch.tensor(d.images / 16.0, dtype=torch.float32)[:, None]
    y = torch.tensor(d.target)
    perm = torch.randperm(len(x))
    tr, te = perm[:1200], perm[1200:]
    enc = Encoder()
    opt = torch.optim.Adam(enc.parameters(), lr=1e-3)
    for ep in range(a.epochs):
        enc.train()
        total = 0.0
        for b in tr[torch.randperm(len(tr))].split(128):
            loss = nt_xent(enc(augment(x[b]))[1], enc(augment(x[b]))[1])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(b)
        if ep % 5 == 4:
            print(f"epoch {ep + 1} nt-xent {total / len(tr):.4f}")
    print(f"held-out precision@10 {precision_at_10(enc, x[te], y[te]):.4f}")


main()
