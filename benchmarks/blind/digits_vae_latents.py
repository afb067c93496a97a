"""VAE on the digits, after the Keras 'variational autoencoder' tutorial. Latents are used for few-label classification."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.set_num_threads(1)


class VAE(nn.Module):
    def __init__(self, latent=8, hidden=128):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, hidden), nn.ReLU())
        self.mean, self.log_var = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.dec = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 64))

    def forward(self, x):
        h = self.enc(x)
        m, lv = self.mean(h), self.log_var(h)
        z = m + torch.exp(0.5 * lv) * torch.randn_like(m)
        return self.dec(z), m, lv


def vae_loss(x, logits, m, lv):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").mean(dim=1)
    kl = -0.5 * (1 + lv - m.pow(2) - lv.exp()).sum(dim=1)
    return (reconstruction + kl).mean(), reconstruction.mean(), kl.mean()


@torch.no_grad()
def knn_accuracy(model, xl, yl, xt, yt):
    a, b = model.mean(model.enc(xl)), model.mean(model.enc(xt))
    near = torch.cdist(b, a).topk(3, largest=False).indices
    return (yl[near].mode(dim=1).values == yt).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=60)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, y = load_digits(return_X_y=True)
    p = rng.permutation(len(x))
    x, y = torch.tensor(x[p] / 16.0, dtype=torch.float32), torch.tensor(y[p])
    xtr, ytr, xte, yte = x[:1300], y[:1300], x[1300:], y[1300:]
    model = VAE()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for ep in range(args.epochs):
        log = []
        for b in torch.randperm(len(xtr)).split(64):
            logits, m, lv = model(xtr[b])
            loss, rec, kl = vae_loss(xtr[b], logits, m, lv)
            opt.zero_grad()
            loss.backward()
            opt.step()
            log.append((loss.item(), rec.item(), kl.item()))
        if ep % 10 == 9:
            print("epoch %d loss %.4f reconstruction %.4f kl %.4f" % (ep + 1, *np.mean(log, axis=0)))
    model.eval()
    with torch.no_grad():
        mse = F.mse_loss(torch.sigmoid(model.dec(model.mean(model.enc(xte)))), xte).item()
    print(f"held-out reconstruction mse {mse:.4f}, 3-nn accuracy in latent space (300 labels) "
          f"{knn_accuracy(model, xtr[:300], ytr[:300], xte, yte):.4f}")


main()
