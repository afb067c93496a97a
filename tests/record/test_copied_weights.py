"""Inner loops that adapt copies of the weights: the loss has no way back but by derivatives."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn
from torch.func import functional_call

torch.set_num_threads(1)
N = 8


def dense():
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))


def pictures():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 1)
    )


def details(adapt, make=dense, others=lambda model: (), loss=None, inner=2):
    """The details of an outer loss, of weights that some inner steps have adapted."""
    torch.manual_seed(0)
    model = make()
    shape = (N, 3) if make is dense else (N, 1, 8, 8)
    extra = list(others(model))
    optimizer = torch.optim.SGD([*model.parameters(), *extra], lr=0.01)

    def step():
        x, y = torch.randn(shape), torch.randn(N, 1)
        weights = dict(model.named_parameters())
        for _ in range(inner):
            errors = (functional_call(model, weights, (x,)) - y) ** 2
            value = errors.mean() if loss is None else loss(errors)
            gradients = torch.autograd.grad(value, list(weights.values()), create_graph=True)
            pairs = zip(weights.items(), gradients, strict=True)
            weights = {name: adapt(name, w, g) for (name, w), g in pairs}
        out = functional_call(model, weights, (x,))
        optimizer.zero_grad()
        F.mse_loss(out, y).backward()
        optimizer.step()

    (shot, *_) = record(step, model, (optimizer,), steps=2).snapshots
    return shot.loss.details.get("copied_weights", 0)


CUT = {
    ".data": lambda name, w, g: (w.data - 0.1 * g).requires_grad_(),
    "detach": lambda name, w, g: w.detach() - 0.1 * g,
    "an addition": lambda name, w, g: torch.add(w.data, g, alpha=-0.1),
}


@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("name", CUT)
def test_copies_that_are_adapted_are_told(name, inner):
    assert details(CUT[name], inner=inner) == 2  # no node keeps the weight that reads the data


def test_copies_of_the_weights_of_convolutions_are_told():
    assert details(CUT["detach"], pictures) >= 2


WHOLE = {
    "the weights": lambda name, w, g: w - 0.1 * g,
    "to first order": lambda name, w, g: w - 0.1 * g.detach(),
    "rounded, with a gradient straight through": lambda name, w, g: (w.round() - w).detach() + w,
    "the last layer alone": lambda name, w, g: w.detach() - 0.1 * g if name[0] == "4" else w,
}


@pytest.mark.parametrize("name", WHOLE)
def test_weights_that_keep_their_graph_are_none(name):
    assert details(WHOLE[name]) == 0


def test_copies_by_which_another_network_weighs_the_samples_are_none():
    weigher = nn.Sequential(nn.Linear(1, 7), nn.Tanh(), nn.Linear(7, 1), nn.Sigmoid())

    def weighed(errors):
        return (weigher(errors.detach()) * errors).mean()

    assert details(CUT["detach"], others=lambda _: weigher.parameters(), loss=weighed) == 0


def test_small_changes_to_frozen_weights_are_none():
    torch.manual_seed(0)
    frozen, x = torch.randn(6, 3), torch.randn(N, 3)
    down, up = nn.Linear(3, 2, bias=False), nn.Linear(2, 6, bias=False)

    def step():
        weight = frozen + up.weight @ down.weight
        F.linear(F.linear(x, weight).tanh(), weight.mT.contiguous()).square().mean().backward()

    (shot,) = record(step, nn.ModuleList([down, up]), (), steps=1).snapshots

    assert "copied_weights" not in shot.loss.details
