import math

import torch
import torch.nn.functional as F
from data import digits, minibatches, moons, unexplained
from program import healthy
from torch import nn


@healthy("unexplained variance", at_most=0.5)
def autoencoder_bottleneck():
    """64 pixels through eight numbers: the input is the target, the middle is narrow."""
    x, _ = digits()
    model = nn.Sequential(
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 8),
        nn.Linear(8, 32),
        nn.ReLU(),
        nn.Linear(32, 64),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, _ in minibatches(x, x, 64, 300):
        optimizer.zero_grad()
        F.mse_loss(model(xb), xb).backward()
        optimizer.step()
    return unexplained(model, x, x)


@healthy("unexplained variance", at_most=0.4)
def linear_autoencoder():
    """Principal components by gradient descent: two linear maps and no activation."""
    x, _ = digits()
    x = x - x.mean(0)
    model = nn.Sequential(nn.Linear(64, 10, bias=False), nn.Linear(10, 64, bias=False))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, _ in minibatches(x, x, 64, 250):
        optimizer.zero_grad()
        F.mse_loss(model(xb), xb).backward()
        optimizer.step()
    return unexplained(model, x, x)


@healthy("unexplained variance", at_most=0.5)
def denoising_autoencoder():
    """Noisy pixels in, clean pixels out, through a sigmoid that reaches 0 and 1 only slowly."""
    x, _ = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, _ in minibatches(x, x, 64, 250):
        optimizer.zero_grad()
        F.binary_cross_entropy(model(xb + 0.3 * torch.randn_like(xb)), xb).backward()
        optimizer.step()
    return unexplained(model, x, x)


@healthy("unexplained variance of the hidden pixels", at_most=0.8)
def masked_prediction():
    """Half of the pixels are hidden and only they count: most of each row's loss is masked."""
    x, _ = digits()
    model = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, _ in minibatches(x, x, 64, 250):
        seen = (torch.rand_like(xb) < 0.5).float()
        out = model(torch.cat([xb * seen, seen], 1))
        loss = ((out - xb) ** 2 * (1 - seen)).sum() / (1 - seen).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        seen = (torch.rand_like(x) < 0.5).float()
        out = model(torch.cat([x * seen, seen], 1))
        return ((out - x)[seen == 0] ** 2).mean() / x.var()


@healthy("distance of mean and spread from the data", at_most=0.5)
def generative_adversarial():
    """Two networks against each other: neither loss falls, and that is how it should be."""
    mean = torch.tensor([2.0, -1.0])
    generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    opt_g = torch.optim.Adam(generator.parameters(), lr=0.002, betas=(0.5, 0.9))
    opt_c = torch.optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.9))
    ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
    for _ in range(400):
        real, fake = mean + 0.5 * torch.randn(64, 2), generator(torch.randn(64, 4))
        loss = F.binary_cross_entropy_with_logits(critic(real), ones)
        loss = loss + F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
        opt_c.zero_grad()
        loss.backward()
        opt_c.step()
        loss = F.binary_cross_entropy_with_logits(critic(fake), ones)
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
    with torch.no_grad():
        made = generator(torch.randn(1000, 4))
        return (made.mean(0) - mean).norm() + (made.std(0) - 0.5).norm()


@healthy("distance of the mean from the data", at_most=0.5)
def wasserstein_with_clipping():
    """A critic with clipped weights, five steps for each of the generator; the loss hovers at 0."""
    mean = torch.tensor([1.0, -1.0])
    generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    critic = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
    opt_g = torch.optim.RMSprop(generator.parameters(), lr=0.005)
    opt_c = torch.optim.RMSprop(critic.parameters(), lr=0.005)
    for _ in range(80):
        for _ in range(4):
            real, fake = mean + 0.5 * torch.randn(64, 2), generator(torch.randn(64, 4)).detach()
            loss = critic(fake).mean() - critic(real).mean()
            opt_c.zero_grad()
            loss.backward()
            opt_c.step()
            with torch.no_grad():
                for p in critic.parameters():
                    p.clamp_(-0.1, 0.1)
        loss = -critic(generator(torch.randn(64, 4))).mean()
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
    with torch.no_grad():
        return (generator(torch.randn(1000, 4)).mean(0) - mean).norm()


@healthy("unexplained variance", at_most=0.75)
def variational_autoencoder():
    """A code with noise: the divergence term is near zero early on and rises later."""
    x, _ = digits()
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.005)
    for xb, _ in minibatches(x, x, 64, 250):
        mean, log_variance = encoder(xb).chunk(2, dim=1)
        code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        fit = F.binary_cross_entropy_with_logits(decoder(code), xb, reduction="sum") / len(xb)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        optimizer.zero_grad()
        (fit + divergence).backward()
        optimizer.step()
    with torch.no_grad():
        out = decoder(encoder(x).chunk(2, dim=1)[0]).sigmoid()
        return ((out - x) ** 2).mean() / x.var()


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2))
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)

    def forward(self, x):
        a, b = x.flip(1).chunk(2, 1) if self.flip else x.chunk(2, 1)
        log_scale, shift = self.net(a).chunk(2, 1)
        b = b * log_scale.tanh().exp() + shift
        return torch.cat([a, b], 1), log_scale.tanh().sum(1)


@healthy("mean log-likelihood", at_least=-2.1)
def normalising_flow():
    """Coupling layers that start as the identity; the loss is a log-density of any sign."""
    x, _ = moons()
    layers = nn.ModuleList(Coupling(flip=i % 2 == 1) for i in range(6))
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.01)

    def log_likelihood(z):
        total = 0.0
        for layer in layers:
            z, log_det = layer(z)
            total = total + log_det
        return total - 0.5 * (z**2).sum(1) - math.log(2 * math.pi)

    for xb, _ in minibatches(x, x, 100, 150):
        loss = -log_likelihood(xb).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return log_likelihood(x).mean()


@healthy("gap between the energies of noise and data", at_least=0.8)
def energy_based():
    """Energies of data go down and of noise up: a loss without any floor, below zero soon."""
    x, _ = moons()
    energy = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(energy.parameters(), lr=0.005)
    for xb, _ in minibatches(x, x, 64, 200):
        data, noise = energy(xb), energy(3 * torch.rand(64, 2) - 1.5)
        loss = data.mean() - noise.mean() + 0.2 * (data**2 + noise**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (energy(3 * torch.rand(1000, 2) - 1.5).mean() - energy(x).mean()).item()


@healthy("squared error of the score as a share of its variance", at_most=0.8)
def denoising_scores():
    """Noise of many sizes is predicted: most of the loss cannot be explained by anybody."""
    x, _ = moons()
    model = nn.Sequential(
        nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)

    def error(xb):
        size = torch.rand(len(xb), 1)
        noise = torch.randn_like(xb)
        mixed = (1 - size**2).sqrt() * xb + size * noise
        return ((model(torch.cat([mixed, size], 1)) - noise) ** 2).mean()

    for xb, _ in minibatches(x, x, 100, 300):
        loss = error(xb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return error(x)
