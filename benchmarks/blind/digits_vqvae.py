"""VQ-VAE on 8x8 digits with a gradient-trained codebook."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


class VectorQuantizer(nn.Module):
    def __init__(self, n_codes, dim, beta=0.25):
        super().__init__()
        self.beta = beta
        self.codebook = nn.Embedding(n_codes, dim)
        self.codebook.weight.data.uniform_(-1.0 / n_codes, 1.0 / n_codes)

    def forward(self, z):
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.size(1))
        idx = torch.cdist(flat, self.codebook.weight).argmin(1)
        q = self.codebook(idx).view(z.size(0), z.size(2), z.size(3), -1).permute(0, 3, 1, 2)
        loss = F.mse_loss(q, z.detach()) + self.beta * F.mse_loss(z, q.detach())
        q = z + (q - z)
        return q, loss, idx


class VQVAE(nn.Module):
    def __init__(self, dim=8, n_codes=32, w=24):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, w, 4, 2, 1), nn.ReLU(), nn.Conv2d(w, w, 3, 1, 1), nn.ReLU(), nn.Conv2d(w, dim, 1))
        self.vq = VectorQuantizer(n_codes, dim)
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, w, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(w, w, 4, 2, 1), nn.ReLU(), nn.Conv2d(w, 1, 3, 1, 1))

    def forward(self, x):
        q, vq_loss, idx = self.vq(self.encoder(x))
        return self.decoder(q), vq_loss, idx


class Runner:
    def __init__(self, seed):
        torch.manual_seed(seed)
        x = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
        x = x[torch.randperm(len(x))]
        self.train_x, self.test_x = x[:1400], x[1400:]
        self.model = VQVAE()
        self.opt = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def epoch(self, bs=64):
        self.model.train()
        for i in torch.randperm(len(self.train_x)).split(bs):
            x = self.train_x[i]
            rec, vq, _ = self.model(x)
            loss = F.mse_loss(rec, x) + vq
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        rec, _, idx = self.model(self.test_x)
        return F.mse_loss(rec, self.test_x).item(), idx.unique().numel()


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--epochs", type=int, default=25)
args = ap.parse_args()
torch.set_num_threads(1)
r = Runner(args.seed)
for e in range(args.epochs):
    l = r.epoch()
    if e % 5 == 0:
        print(f"epoch {e} loss {l:.4f}")
mse, used = r.evaluate()
print(f"codes used {used}")
print(f"test reconstruction mse {mse:.4f}")
