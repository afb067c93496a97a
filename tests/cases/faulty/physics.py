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
