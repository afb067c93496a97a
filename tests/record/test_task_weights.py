"""Losses that the softmax of a parameter weighs, and what else a softmax of a parameter weighs."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

torch.set_num_threads(1)


def details(loss_of, steps=2):
    """What is read of a loss of three outputs, a parameter of three, and their targets."""
    torch.manual_seed(0)
    network, w = nn.Linear(5, 3), nn.Parameter(torch.tensor([0.0, 1.0, 2.0]))
    optimizer = torch.optim.SGD([*network.parameters(), w], 0.0)
    x, y = torch.randn(8, 5), torch.randn(8, 3) * torch.tensor([1.0, 2.0, 3.0])

    def step():
        optimizer.zero_grad()
        loss_of(network(x), y, w).backward()
        optimizer.step()

    with torch.no_grad():
        each = (network(x) - y).square().mean(0)
    return record(step, steps=steps).snapshots[-1].loss.details, each


def losses(out, y):
    return [F.mse_loss(out[:, k], y[:, k]) for k in range(3)]


def one_by_one(out, y, w):
    shares = torch.softmax(w, 0)
    return sum(shares[k] * one for k, one in enumerate(losses(out, y)))


WEIGHED = {
    "stacked": lambda o, y, w: (torch.softmax(w, 0) * torch.stack(losses(o, y))).sum(),
    "the other way round": lambda o, y, w: (torch.stack(losses(o, y)) * w.softmax(0)).sum(),
    "one by one": one_by_one,
    "a product": lambda o, y, w: torch.dot(torch.softmax(w, 0), torch.stack(losses(o, y))),
    "scaled": lambda o, y, w: (
        3 * torch.softmax(w / 0.5 * 0.5, 0) * torch.stack(losses(o, y))
    ).sum(),
    "means of columns": lambda o, y, w: (torch.softmax(w, 0) * (o - y).square().mean(0)).sum(),
}


@pytest.mark.parametrize("form", WEIGHED)
def test_the_least_and_the_largest_loss_are_read_with_their_weights(form):
    found, each = details(WEIGHED[form])
    shares = torch.softmax(torch.tensor([0.0, 1.0, 2.0]), 0)

    assert found["weighed_terms"] == 3
    assert found["least_term"] == pytest.approx(each.min().item(), rel=1e-5)
    assert found["largest_term"] == pytest.approx(each.max().item(), rel=1e-5)
    assert found["least_term_weight"] == pytest.approx(shares[each.argmin()].item(), rel=1e-5)
    assert found["largest_term_weight"] == pytest.approx(shares[each.argmax()].item(), rel=1e-5)


def with_entropy(out, y, w):
    shares = torch.softmax(w, 0)
    return (shares * torch.stack(losses(out, y))).sum() + (shares * shares.log()).sum()


HELD = {
    "uncertainty": lambda o, y, w: (torch.exp(-w) * torch.stack(losses(o, y)) + w).sum(),
    "an entropy": with_entropy,
    "a penalty": lambda o, y, w: WEIGHED["stacked"](o, y, w) + w.square().sum(),
    "detached": lambda o, y, w: WEIGHED["stacked"](o, y, w.detach()),
    "fixed losses": lambda o, y, w: (
        (torch.softmax(w, 0) * torch.stack(losses(o, y)).detach()).sum() + F.mse_loss(o, y)
    ),
    "raised": lambda o, y, w: -WEIGHED["stacked"](o, y, w),
    "a mixture of outputs": lambda o, y, w: F.mse_loss((torch.softmax(w, 0) * o).sum(1), y[:, 0]),
    "a likelihood of a mixture": lambda o, y, w: (
        -((torch.softmax(w, 0) * torch.exp(-(o - y).square())).sum(1).log().mean())
    ),
    "usual": lambda o, y, w: F.mse_loss(o, y),
    "attention": lambda o, y, w: F.mse_loss(torch.softmax(o * w, 1) * o, y),
}


@pytest.mark.parametrize("form", HELD)
def test_weights_that_are_held_or_weigh_something_else_are_not(form):
    assert "weighed_terms" not in details(HELD[form])[0]
