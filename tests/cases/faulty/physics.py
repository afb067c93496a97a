"""Networks that are to solve a differential equation."""

import torch
from program import faulty
from torch import nn


def derivative(y, x, *, trained):
    ones = torch.ones_like(y)
    return torch.autograd.grad(y, x, ones, create_graph=trained, retain_graph=True)[0]


@faulty("largest error", at_most=0.15, causes=("frozen",))
def slope_without_a_graph(fixed=False):
    """The residual of a swing, u'' + 9u, whose second derivative is taken without a graph of its
    own: it counts as a constant, and the loss runs away."""
    layers = (nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
    start = torch.zeros(1, 1, requires_grad=True)
    for _ in range(900):
        t = torch.rand(64, 1).requires_grad_()
        u = model(t)
        first = derivative(u, t, trained=True)
        residual = derivative(first, t, trained=fixed) + 9 * u
        at_start = model(start)
        loss = residual.square().mean() + 10 * (at_start - 1).square().mean()
        loss = loss + 10 * derivative(at_start, start, trained=True).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t = torch.linspace(0, 1, 50).unsqueeze(1)
    return (model(t) - torch.cos(3 * t)).abs().max().detach()


@faulty("mean error of the forces", at_most=0.15, causes=("frozen",))
def forces_without_a_graph(fixed=False):
    """Energies of a chain of three balls between springs, and their forces, which count most: the
    forces are derived without a graph of their own, so the energies alone are trained."""
    layers = (nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004)

    def labelled(rows):
        x = torch.rand(rows, 3).mul(2).sub(1).requires_grad_()
        apart = torch.cat([x[:, :1], x.diff(dim=1), -x[:, 2:]], 1)
        energy = (apart**2 - 0.3 * apart**4).sum(1, keepdim=True)
        return x, energy.detach(), -torch.autograd.grad(energy.sum(), x)[0]

    def forces(x, energy):
        return -torch.autograd.grad(energy.sum(), x, create_graph=fixed, retain_graph=True)[0]

    given, energies, known = labelled(96)
    for _ in range(900):
        rows = torch.randperm(96)[:32]
        x = given[rows].detach().requires_grad_()
        energy = model(x)
        error = (forces(x, energy) - known[rows]).square().mean()
        loss = 0.02 * (energy - energies[rows]).square().mean() + 0.98 * error
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, _, wanted = labelled(200)
    return (forces(x, model(x)) - wanted).abs().mean().detach()


class Sine(nn.Module):
    """A layer of a network of sines; its weights are divided by the frequency or not."""

    def __init__(self, inputs, units, bound, frequency=30.0):
        super().__init__()
        self.layer, self.frequency = nn.Linear(inputs, units), frequency
        nn.init.uniform_(self.layer.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.frequency * self.layer(x))


@faulty("share of the variance left", at_most=0.05, causes=("bad_init",))
def sines_without_their_factor(fixed=False):
    """A network of sines whose hidden weights are not divided by the frequency in front of them:
    it learns its points by heart, and nothing in between."""
    t = torch.linspace(-1, 1, 600)[:, None]
    wave = 0.6 * torch.sin(40 * t) + 0.4 * torch.sin(93 * t + 1)
    held_out = torch.arange(600) % 4 == 2
    bound = (6 / 48) ** 0.5 / (30 if fixed else 1)
    layers = (Sine(1, 48, 1.0), Sine(48, 48, bound), Sine(48, 48, bound), nn.Linear(48, 1))
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    for _ in range(500):
        optimizer.zero_grad()
        (model(t[~held_out]) - wave[~held_out]).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        return (model(t) - wave)[held_out].square().mean() / wave.var()


@faulty("share of the variance left", at_most=0.05, causes=("bad_init",))
def sines_without_a_frequency(fixed=False):
    """A network of sines without the frequency in front of their arguments: it makes slow waves,
    and the ripples of a membrane are out of its reach."""
    place = 2 * torch.rand(1200, 2) - 1
    height = torch.sin(14 * place.square().sum(1, keepdim=True)) + 0.3 * place[:, :1]
    frequency = 15.0 if fixed else 1.0
    bound = (6 / 48) ** 0.5 / frequency
    layers = (Sine(2, 48, 0.5, frequency), Sine(48, 48, bound, frequency), nn.Linear(48, 1))
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train, held_out = slice(900), slice(900, None)
    for _ in range(500):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(place[train]), height[train]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(place) - height)[held_out].square().mean() / height.var()


@faulty("largest error", at_most=0.1, causes=("frozen",))
def residual_that_became_a_leaf(fixed=False):
    """The residual of a decay, u' + 3u, is detached and asks for gradients again: it is part of the
    loss and of what `backward` goes through, and trains nothing. What is learned is the start."""
    model = nn.Sequential(
        nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
    start = torch.zeros(1, 1)
    for _ in range(600):
        t = torch.rand(64, 1).requires_grad_()
        u = model(t)
        residual = derivative(u, t, trained=True) + 3 * u
        if not fixed:
            residual = residual.detach().requires_grad_()
        loss = residual.square().mean() + 10 * (model(start) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t = torch.linspace(0, 1, 50).unsqueeze(1)
    return (model(t) - torch.exp(-3 * t)).abs().max().detach()


@faulty("largest error", at_most=0.1, causes=("linear_collapse",))
def second_derivative_of_straight_pieces(fixed=False):
    """A network of rectifiers is to solve u'' = -sin: its second derivative is 0 everywhere,
    so that the equation trains nothing."""
    bend = nn.Tanh if fixed else nn.ReLU
    model = nn.Sequential(nn.Linear(1, 24), bend(), nn.Linear(24, 24), bend(), nn.Linear(24, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
    ends = torch.tensor([[0.0], [torch.pi]])
    for _ in range(500):
        t = (torch.pi * torch.rand(64, 1)).requires_grad_()
        slope = derivative(model(t), t, trained=True)
        residual = derivative(slope, t, trained=True) + torch.sin(t)
        loss = residual.square().mean() + 10 * model(ends).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t = torch.linspace(0, torch.pi, 50).unsqueeze(1)
    return (model(t) - torch.sin(t)).abs().max().detach()
