import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class VectorQuantizer(nn.Module):
    def __init__(self, n_codes, dim, beta=0.25):
        super().__init__()
        self.codebook = nn.Embedding(n_codes, dim)
        nn.init.normal_(self.codebook.weight, std=0.5)
        self.beta = beta

    def forward(self, z):
        zp = z.permute(0, 2, 3, 1)
        flat = zp.reshape(-1, zp.shape[-1])
        idx = torch.cdist(flat, self.codebook.weight).argmin(1)
        q = self.codebook(idx).view_as(zp)
        q = zp + (q - zp).detach()
        loss = F.mse_loss(q, zp.detach()) + self.beta * F.mse_loss(q.detach(), zp)
        return q.permute(0, 3, 1, 2), loss, idx


class VQVAE(nn.Module):
    def __init__(self, n_codes=48, dim=8, w=32):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, w, 3, padding=1), nn.ReLU(), nn.Conv2d(w, w, 4, 2, 1), nn.ReLU(),
                                 nn.Conv2d(w, dim, 1))
        self.vq = VectorQuantizer(n_codes, dim)
        self.dec = nn.Sequential(nn.Conv2d(dim, w, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(w, w, 4, 2, 1), nn.ReLU(),
                                 nn.Conv2d(w, 1, 3, padding=1))

    def forward(self, x):
        q, loss, idx = self.vq(self.enc(x))
        return self.dec(q), loss, idx


class Trainer:
    def __init__(self, model, train, test, lr=2e-3):
        self.model, self.test = model, test
        self.loader = DataLoader(TensorDataset(train), batch_size=64, shuffle=True)
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)

    def epoch(self):
        tot = 0.0
        for (x,) in self.loader:
            rec, vq, _ = self.model(x)
            loss = F.mse_loss(rec, x) + vq
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            tot += loss.item()
        return tot / len(self.loader)

    @torch.no_grad()
    def evaluate(self):
        rec, _, idx = self.model(self.test)
        return F.mse_loss(rec, self.test).item(), idx.unique().numel()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    x = torch.tensor(load_digits().images / 8.0 - 1.0, dtype=torch.float32)[:, None]
    x = x[torch.randperm(len(x))]
    tr = Trainer(VQVAE(), x[:1400], x[1400:])
    for e in range(14):
        l = tr.epoch()
        if e % 3 == 0:
            print(f"epoch {e} loss {l:.4f}")
    mse, used = tr.evaluate()
    print(f"codes in use {used}")
    print(f"test reconstruction mse {mse:.5f}")
