import torch
import torch.nn.functional as F
from data import digits, minibatches
from program import faulty
from torch import nn


def generator():
    return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))


@torch.no_grad()
def distance(made, mean, spread):
    """How far the mean and the spread of what was made are from those of the data."""
    return ((made.mean(0) - mean).norm() + (made.std(0) - spread).norm()) / spread


@faulty("distance of mean and spread, in spreads", at_most=1.0, causes=("frozen",))
def generator_cut_off(fixed=False):
    """The samples are detached for the critic's step, and the same detached samples are used for
    the generator's: its loss is computed, reaches only the critic, and moves nothing."""
    mean = torch.tensor([2.0, -1.0])
    g = generator()
    d = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    opt_g = torch.optim.Adam(g.parameters(), lr=0.002, betas=(0.5, 0.9))
    opt_d = torch.optim.Adam(d.parameters(), lr=0.01, betas=(0.5, 0.9))
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
    for _ in range(400):
        real, made = mean + 0.5 * torch.randn(64, 2), g(torch.randn(64, 4))
        fake = made.detach()
        opt_d.zero_grad()
        (criterion(d(real), ones) + criterion(d(fake), zeros)).backward()
        opt_d.step()

        opt_g.zero_grad()
        criterion(d(made if fixed else fake), ones).backward()
        opt_g.step()
    return distance(g(torch.randn(1000, 4)), mean, 0.5)


@faulty(
    "distance of mean and spread, in spreads",
    at_most=1.5,
    causes=("saturated", "unnormalised_input", "vanishing"),
)
def critic_sure_from_the_start(fixed=False):
    """Data of the size of hundreds and a generator of the size of one: the critic's sigmoid is 1
    on the one and 0 on the other at once, and the generator gets no gradient through it."""
    mean = torch.tensor([180.0, 120.0])
    scale = 100.0 if fixed else 1.0
    g = generator()
    d = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
    opt_g = torch.optim.RMSprop(g.parameters(), lr=0.001)
    opt_d = torch.optim.RMSprop(d.parameters(), lr=0.003)
    for _ in range(500):
        real = (mean + 40 * torch.randn(48, 2)) / scale
        made = g(torch.randn(48, 4))
        seen, fooled = d(real), d(made.detach())
        loss_d = F.binary_cross_entropy(seen, torch.ones_like(seen))
        loss_d = loss_d + F.binary_cross_entropy(fooled, torch.zeros_like(fooled))
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()

        loss_g = torch.log1p(-d(made).clamp(max=1 - 1e-6)).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
    return distance(scale * g(torch.randn(1000, 4)), mean, 40.0)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.factor * gradient, None


@faulty("accuracy on both domains", at_least=0.85, causes=("wrong_loss", "other"))
def both_heads_behind_the_reversal(fixed=False):
    """The features are reversed before both heads read them, not for the domain's alone: the
    encoder is trained to be of no use to the classes either."""
    x, y = digits()
    bright = torch.arange(len(x)) % 2
    x = x + 0.5 * bright.unsqueeze(1)
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
    classes, domain = nn.Linear(32, 10), nn.Linear(32, 2)
    parameters = [*embed.parameters(), *classes.parameters(), *domain.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.005)
    for step, (xb, row) in enumerate(minibatches(x, torch.arange(len(x)), 64, 250)):
        z = embed(xb)
        turned = Reverse.apply(z, 0.1 * min(1.0, step / 100))
        loss = F.cross_entropy(classes(z if fixed else turned), y[row])
        loss = loss + F.cross_entropy(domain(turned), bright[row])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (classes(embed(x)).argmax(1) == y).float().mean()


@faulty("distance of mean and spread, in spreads", at_most=0.4, causes=("unnormalised_input",))
def sampled_with_other_noise(fixed=False):
    """The generator is trained on uniform numbers, and asked for samples with normal ones."""
    mean = torch.tensor([2.0, -1.0])
    g = nn.Sequential(nn.Linear(8, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))
    d = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    opt_g = torch.optim.Adam(g.parameters(), lr=0.001, betas=(0.5, 0.9))
    opt_d = torch.optim.Adam(d.parameters(), lr=0.002, betas=(0.5, 0.9))
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
    noise = torch.randn if fixed else torch.rand
    for _ in range(1200):
        real, fake = mean + 0.5 * torch.randn(64, 2), g(noise(64, 8)).detach()
        opt_d.zero_grad()
        (criterion(d(real), ones) + criterion(d(fake), zeros)).backward()
        opt_d.step()

        opt_g.zero_grad()
        criterion(d(g(noise(64, 8))), ones).backward()
        opt_g.step()
    with torch.no_grad():
        return distance(g(torch.randn(1000, 8)), mean, 0.5)
