import os
import numpy as np
import torch
import torch.nn as nn

# Fast simulation: GAN for (log-energy, shower depth, width) of electromagnetic showers
torch.set_num_threads(1)
manualSeed = int(os.environ.get("SEED", "0"))
torch.manual_seed(manualSeed)
np.random.seed(manualSeed)

nz = 8
ngf = 64
ndf = 64
niter = 1500
batchSize = 128


def showers(n):
    logE = np.random.normal(0, 1, n)
    depth = 0.8 * logE + np.random.gumbel(0, 0.4, n)
    width = np.exp(0.4 * np.random.normal(0, 1, n)) - 0.3 * depth
    d = np.stack([logE, depth, width], 1)
    return d.astype(np.float32)


raw = showers(20000)
mean, std = raw.mean(0), raw.std(0)
real_data = torch.from_numpy((raw - mean) / std)
ref = torch.from_numpy((showers(5000) - mean) / std)

netG = nn.Sequential(
    nn.Linear(nz, ngf), nn.LeakyReLU(0.2),
    nn.Linear(ngf, ngf), nn.LeakyReLU(0.2),
    nn.Linear(ngf, 3),
)
netD = nn.Sequential(
    nn.Linear(3, ndf), nn.LeakyReLU(0.2),
    nn.Linear(ndf, ndf), nn.LeakyReLU(0.2),
    nn.Linear(ndf, 1),
)
criterion = nn.BCEWithLogitsLoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.9))
optimizerG = torch.optim.Adam(netG.parameters(), lr=5e-4, betas=(0.5, 0.9))
schedulerD = torch.optim.lr_scheduler.LinearLR(optimizerD, 1.0, 0.05, niter)
schedulerG = torch.optim.lr_scheduler.LinearLR(optimizerG, 1.0, 0.05, niter)
ones, zeros = torch.ones(batchSize, 1), torch.zeros(batchSize, 1)


def distance(a, b, k=100):
    g = torch.Generator().manual_seed(1)
    w = torch.nn.functional.normalize(torch.randn(3, k, generator=g), dim=0)
    return ((a @ w).sort(0)[0] - (b @ w).sort(0)[0]).abs().mean().item()


for it in range(niter):
    # (1) Update D network: maximize log(D(x)) + log(1 - D(G(z)))
    real = real_data[torch.randint(0, len(real_data), (batchSize,))]
    noise = torch.randn(batchSize, nz)
    fake = netG(noise).detach()
    netD.zero_grad()
    errD = criterion(netD(real), ones) + criterion(netD(fake), zeros)
    errD.backward()
    optimizerD.step()
    # (2) Update G network: maximize log(D(G(z)))
    netG.zero_grad()
    output = netD(fake)
    errG = criterion(output, ones)
    errG.backward()
    optimizerG.step()
    schedulerD.step()
    schedulerG.step()
    if it % 250 == 0:
        print("[%d/%d] Loss_D: %.4f Loss_G: %.4f" % (it, niter, errD.item(), errG.item()))

with torch.no_grad():
    sample = netG(torch.randn(5000, nz))
print("generated mean/std", sample.mean(0).numpy().round(2), sample.std(0).numpy().round(2))
print("sliced Wasserstein distance to simulation (lower is better)")
print("score: %.4f" % distance(sample, ref))
