"""Small GAN that makes synthetic customers (wine measurements stand in for the CRM table)."""
import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
np.random.seed(SEED)

raw = load_wine().data
raw = (raw - raw.mean(0)) / raw.std(0)
real = torch.tensor(PCA(4, whiten=True).fit_transform(raw), dtype=torch.float32)
D = real.shape[1]
Z = 8

G = nn.Sequential(nn.Linear(Z, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, D))
C = nn.Sequential(nn.Linear(D, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_c = torch.optim.Adam(C.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
BS = 64
ones, zeros = torch.ones(BS, 1), torch.zeros(BS, 1)


def latent(n):
    return torch.rand(n, Z)


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


trace = []
for step in range(2000):
    x = real[torch.randint(len(real), (BS,))]

    # critic
    fake = G(latent(BS)).detach()
    loss_c = bce(C(x), ones * 0.9) + bce(C(fake), zeros)
    opt_c.zero_grad()
    loss_c.backward()
    opt_c.step()

    # generator
    loss_g = bce(C(G(latent(BS))), ones)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()

    if (step + 1) % 100 == 0 and step >= 1000:
        with torch.no_grad():
            trace.append(energy_distance(G(torch.randn(1000, Z)), real))
    if (step + 1) % 400 == 0:
        print(f"step {step + 1} critic {loss_c.item():.3f} generator {loss_g.item():.3f}")

print(f"score: {np.mean(trace):.4f}")
