"""Plain tensors that are used as weights and in no optimizer, and those that are meant so."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

torch.set_num_threads(1)


class Network(nn.Module):
    """A layer, and something done to what it makes."""

    def __init__(self, then):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.then = nn.Linear(3, 4), then

    def forward(self, x):
        return self.then(self, self.layer(x))


def left_out(then, *, after=lambda network: None, held=(), steps=4, given=None, **attributes):
    """Names of the tensors that are left out of a training."""
    network = Network(then)
    for name, value in attributes.items():
        setattr(network, name, value)
    optimizer = torch.optim.SGD([*network.parameters(), *held], 0.01)
    x = torch.randn(7, 3) if given is None else given

    def step():
        optimizer.zero_grad()
        made = network(x if given is not None else torch.randn(7, 3))
        F.mse_loss(made, torch.zeros_like(made)).backward()
        after(network)
        optimizer.step()

    return [p.name for p in record(step, steps=steps).left_out]


def asking(*shape):
    return torch.full(shape, 0.5).requires_grad_()


USES = {
    "cut points": (asking(4), lambda n, h: h - n.it),
    "a scale": (asking(), lambda n, h: h * n.it),
    "a temperature": (asking(1), lambda n, h: h / F.softplus(n.it)),
    "a row": (asking(1, 4), lambda n, h: h + n.it),
    "a token that is put before each": (
        asking(1, 1, 4),
        lambda n, h: torch.cat([n.it.expand(len(h), 1, 4), h[:, None]], 1),
    ),
    "a weight": (asking(4, 2), lambda n, h: h @ n.it),
    "a weight of torch's": (asking(2, 4), lambda n, h: F.linear(h, n.it)),
    "a gain": (asking(4), lambda n, h: F.layer_norm(h, (4,), n.it)),
    "cut points that are in order": (asking(4), lambda n, h: h - n.it.exp().cumsum(0)),
    "with a penalty": (asking(4), lambda n, h: h * n.it + n.it.square().mean()),
}


@pytest.mark.parametrize("use", USES)
def test_a_tensor_that_is_used_as_a_weight_is_named(use):
    it, then = USES[use]
    it.grad = None

    assert left_out(then, it=it) == ["it"]


def test_what_is_used_as_data_is_not():
    points, codes = asking(5, 3), asking(7, 4)

    assert left_out(lambda n, h: torch.cat([h, n.layer(points)]), it=points) == []
    assert left_out(lambda n, h: h + n.it, it=codes) == []
    assert left_out(lambda n, h: h * n.it[0], it=asking(9, 4)) == []
    assert left_out(lambda n, h: h, given=torch.randn(7, 3).requires_grad_()) == []


def test_a_nought_that_a_loss_begins_with_is_not():
    it = torch.zeros((), requires_grad=True)

    assert left_out(lambda n, h: h.sum() + n.it, it=it) == []


def test_what_is_made_anew_in_each_step_is_not():
    assert left_out(lambda n, h: h + asking(4)) == []


def test_what_is_trained_by_hand_is_not():
    def descend(network):
        with torch.no_grad():
            network.it -= 0.01 * network.it.grad

    assert left_out(lambda n, h: h + n.it, it=asking(4), after=descend) == []


def test_a_tensor_whose_gradient_is_cleared_is_not():
    def clear(network):
        network.it.grad = None

    def fill(network):
        network.it.grad.zero_()

    assert left_out(lambda n, h: h + n.it, it=asking(4), after=clear) == []
    assert left_out(lambda n, h: h + n.it, it=asking(4), after=fill) == []


def test_a_tensor_by_which_a_derivative_is_taken_is_not():
    def then(n, h):
        made = h * n.it
        slope = torch.autograd.grad(made.sum(), n.it, create_graph=True)[0]
        return made + slope.square()

    assert left_out(then, it=asking()) == []


def test_a_tensor_in_an_optimizer_is_not():
    it = asking(4)
    other = asking(4)
    late = torch.optim.SGD([other], 0.1)

    assert left_out(lambda n, h: h + n.it, it=it, held=[it]) == []
    assert left_out(lambda n, h: h + n.it, it=other) == []
    assert late.param_groups


def test_a_tensor_that_is_frozen_is_not():
    assert left_out(lambda n, h: h + n.it, it=torch.ones(4)) == []


def test_nothing_is_said_of_a_training_by_hand():
    network, it = nn.Linear(3, 4), asking(4)

    def step():
        (network(torch.randn(7, 3)) + it).square().mean().backward()
        with torch.no_grad():
            for p in network.parameters():
                p -= 0.1 * p.grad
                p.grad = None

    assert record(step, steps=4).left_out == ()


def test_nothing_is_said_after_two_steps():
    assert left_out(lambda n, h: h + n.it, it=asking(4), steps=2) == []
