"""Terms of a loss that end in tensors which were cut from the network and made leaves again."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

torch.set_num_threads(1)
X = torch.linspace(-1, 1, 8)[:, None]


def details(term, steps=3, extra=()):
    """What is said of a squared error and one more term, in each recorded step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD([*model.parameters(), *extra], lr=0.01)

    def step():
        loss = F.mse_loss(model(X), X.square()) + term(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    found = record(step, model, (optimizer,), steps=steps).snapshots
    return [shot.loss.details.get("loose_anew") for shot in found if shot.loss]


def cut(values):
    return values.detach().requires_grad_()


CUT = {
    "an output": lambda model: cut(model(X)).square().mean(),
    "an output, added to data": lambda model: (cut(model(X)) + X).pow(2).mean(),
    "times a weight": lambda model: 0.1 * cut(model(X)).abs().sum(),
    "two of them": lambda model: (cut(model(X)) - cut(model(-X))).square().mean(),
}


@pytest.mark.parametrize("name", CUT)
def test_a_term_of_what_was_cut_ends_in_another_tensor_each_time(name):
    assert details(CUT[name]) == [None, 1.0, 1.0]


OTHERS = {
    "what is left in the graph": lambda model: model(X).square().mean(),
    "a number": lambda model: model(X).detach().square().mean(),
    "weights": lambda model: model[0].weight.square().sum(),
    "what a layer reads": lambda model: model[2](cut(model[:2](X))).square().mean(),
    "a single number": lambda model: cut(model(X).mean()).square(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_end_in_weights_or_nowhere(name):
    assert details(OTHERS[name]) == [None] * 3


def test_what_is_shared_with_the_output_trains_it():
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))

    def step():
        moved = X.clone().requires_grad_()
        (model(moved).square().mean() + (moved - X).square().sum()).backward()

    shots = record(step, model, steps=3).snapshots

    assert [shot.loss.details.get("loose_anew") for shot in shots] == [None] * 3


def test_what_stays_may_be_trained():
    scales = torch.zeros(3, requires_grad=True)

    assert details(lambda model: (scales - 1).square().sum(), extra=[scales]) == [None, 0.0, 0.0]
