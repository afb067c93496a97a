"""Variational autoencoder on the 8x8 digits of scikit-learn."""
import argparse
from dataclasses import dataclass
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


@dataclass
class Config:
    latent: int = 12
    hidden: int = 128
    lr: float = 2e-3
    batch: int = 64
    epochs: int = 40
    warmup: int = 10
    beta: float = 0.5
    seed: int = 0


class Encoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU())
        self.mu = nn.Linear(cfg.hidden, cfg.latent)
        self.log_std = nn.Linear(cfg.hidden, cfg.latent)

    def forward(self, x):
        h = self.body(x)
        return Normal(self.mu(h), self.log_std(h).clamp(-5, 2).exp())


class Decoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(cfg.latent, cfg.hidden), nn.ReLU(),
                                  nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, 64))

    def forward(self, z):
        return self.body(z)


class VAE(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.encoder, self.decoder = Encoder(cfg), Decoder(cfg)

    def forward(self, x):
        q = self.encoder(x)
        z = q.sample()
        return self.decoder(z), q

    def elbo_terms(self, x):
        logits, q = self(x)
        rec = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        prior = Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))
        kl = kl_divergence(q, prior).sum(1)
        return rec.mean(), kl.mean()


class Trainer:
    def __init__(self, cfg, model, train, test):
        self.cfg, self.model = cfg, model
        self.train_loader = DataLoader(train, batch_size=cfg.batch, shuffle=True, drop_last=True)
        self.test = test
        self.opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, cfg.epochs)

    def beta(self, epoch):
        return self.cfg.beta * min(1.0, (epoch + 1) / self.cfg.warmup)

    def fit(self):
        for epoch in range(self.cfg.epochs):
            rec_sum = kl_sum = 0.0
            for (x,) in self.train_loader:
                rec, kl = self.model.elbo_terms(x)
                loss = rec + self.beta(epoch) * kl
                self.opt.zero_grad(set_to_none=True)
                loss.backward()
                self.opt.step()
                rec_sum += rec.item()
                kl_sum += kl.item()
            self.sched.step()
            if epoch % 5 == 0:
                n = len(self.train_loader)
                print(f"epoch {epoch:3d} rec {rec_sum / n:.3f} kl {kl_sum / n:.4f}")

    @torch.no_grad()
    def reconstruction_mse(self):
        self.model.eval()
        q = self.model.encoder(self.test)
        out = torch.sigmoid(self.model.decoder(q.loc))
        return ((out - self.test) ** 2).mean().item()


def main(cfg):
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    tr, te = train_test_split(x, test_size=0.25, random_state=cfg.seed)
    trainer = Trainer(cfg, VAE(cfg), TensorDataset(tr), te)
    trainer.fit()
    print(f"test reconstruction mse: {trainer.reconstruction_mse():.5f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=40)
    a = ap.parse_args()
    main(Config(seed=a.seed, epochs=a.epochs))
