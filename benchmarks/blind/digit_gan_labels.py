"""A small GAN on 8x8 digits, laid out as the DCGAN tutorial; scored with a Frechet distance in PCA space."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--niter", type=int, default=25)
opt = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(opt.seed)
np.random.seed(opt.seed)

nz, batch_size = 16, 64
real_label, fake_label = 1.0, 0.0

images = load_digits().data.astype(np.float32) / 8.0 - 1.0
perm = np.random.permutation(len(images))
train, held = torch.from_numpy(images[perm[:1400]]), images[perm[1400:]]

netG = nn.Sequential(
    nn.Linear(nz, 128), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 64), nn.Tanh(),
)
netD = nn.Sequential(
    nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Dropout(0.2),
    nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Dropout(0.2),
    nn.Linear(64, 1), nn.Sigmoid(),
)
criterion = nn.BCELoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=4e-4, betas=(0.5, 0.999))
optimizerG = torch.optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.999))

pca = PCA(16).fit(images[perm[:1400]])


def sqrtm(m):
    w, v = np.linalg.eigh(m)
    return (v * np.sqrt(np.clip(w, 0, None))) @ v.T


def frechet(a, b):
    a, b = pca.transform(a), pca.transform(b)
    ca, cb = np.cov(a.T), np.cov(b.T)
    s = sqrtm(ca)
    cross = sqrtm(s @ cb @ s)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * cross))


@torch.no_grad()
def generate(n):
    netG.eval()
    out = netG(torch.randn(n, nz)).numpy()
    netG.train()
    return out


print(f"frechet at start {frechet(generate(1000), held):.3f}")
for epoch in range(opt.niter):
    order = torch.randperm(len(train))
    for i in range(0, len(train) - batch_size + 1, batch_size):
        # (1) update D: maximize log(D(x)) + log(1 - D(G(z)))
        netD.zero_grad()
        real = train[order[i:i + batch_size]]
        label = torch.full((batch_size,), real_label)
        output = netD(real).view(-1)
        errD_real = criterion(output, label)
        errD_real.backward()
        D_x = output.mean().item()

        noise = torch.randn(batch_size, nz)
        fake = netG(noise)
        label.fill_(fake_label)
        output = netD(fake.detach()).view(-1)
        errD_fake = criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()

        # (2) update G: maximize log(D(G(z)))
        netG.zero_grad()
        output = netD(fake).view(-1)
        errG = criterion(output, label)
        errG.backward()
        D_G_z = output.mean().item()
        optimizerG.step()
    if epoch % 5 == 4:
        print(f"[{epoch + 1}/{opt.niter}] Loss_D {errD.item():.3f} Loss_G {errG.item():.3f} "
              f"D(x) {D_x:.3f} D(G(z)) {D_G_z:.3f} frechet {frechet(generate(1000), held):.3f}")

print(f"frechet distance to held-out digits {frechet(generate(1000), held):.4f}")
