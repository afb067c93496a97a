"""An edit of the live run is made once, before the first step, and where it belongs."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from lifesigns.prove.intervention import Intervention
from lifesigns.remedies.optimize_all import OptimizeAll
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.shuffle import Shuffle
from lifesigns.remedies.standardise_inputs import StandardiseInputs
from lifesigns.remedies.swap_activation import SwapActivation
from lifesigns.remedies.testing import site

RELU = SwapActivation((site("1:sigmoid#0"),), "relu")


class Functional(nn.Module):
    """Calls its activation."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.last(torch.sigmoid(self.first(x)))


@pytest.fixture
def intervene(monkeypatch):
    """Waits for a model; what it has told is in the list that it returns."""
    for owner, name in ((Optimizer, "__init__"), (DataLoader, "__iter__"), (nn.Module, "__call__")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    waiting = []

    def install(edit):
        told = []
        waiting.append(Intervention(edit, told.append))
        waiting[-1].install()
        return told

    yield install
    for one in waiting:
        one._open.close()


def net():
    return nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 1))


def step(model, optimizer, inputs=None):
    loss = (model(torch.ones(16, 4) if inputs is None else inputs) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def test_an_edit_is_made_at_the_first_training_forward_and_once(intervene):
    told = intervene(RELU)
    model = net()
    assert model(torch.ones(1, 4)) is not None  # there is no optimizer yet
    optimizer = sgd(model)
    with torch.no_grad():
        model(torch.ones(1, 4))
    assert (told, type(model[1])) == ([], nn.Sigmoid)

    step(model, optimizer)
    step(model, optimizer)

    assert (told, type(model[1])) == ([""], nn.ReLU)


def test_nothing_is_left_around_later_forwards(intervene):
    before = nn.Module.__call__
    intervene(RELU)
    model = net()

    step(model, sgd(model))

    assert nn.Module.__call__ is before


def test_a_frozen_teacher_is_left_alone(intervene):
    told = intervene(RELU)
    teacher, student = net(), net()
    optimizer = sgd(student)

    teacher(torch.ones(1, 4))
    assert told == []
    step(student, optimizer)

    assert (type(teacher[1]), type(student[1])) == (nn.Sigmoid, nn.ReLU)


def test_where_no_optimizer_has_anything_of_a_model_it_is_edited_before_the_first_step(intervene):
    told = intervene(OptimizeAll())
    small, online = nn.Linear(1, 4), net()
    optimizer = sgd(copy.deepcopy(online))
    start = copy.deepcopy(online.state_dict())

    for _ in range(2):
        step(online, optimizer, small(torch.ones(16, 1)))

    assert told == [""]
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held >= {id(p) for p in online.parameters()}
    assert not torch.equal(online[2].weight, start["2.weight"])


def test_what_is_only_looked_at_is_not_taken_for_the_model(intervene):
    told = intervene(OptimizeAll())
    looked_at, weight = net(), nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([weight], lr=0.1)

    looked_at(torch.ones(16, 4))
    weight.sum().backward()
    optimizer.step()

    assert told == []


def test_of_two_optimizers_that_of_the_model_is_edited(intervene):
    intervene(ScaleRate(0.0))
    one, other = net(), net()
    first, second = sgd(one), sgd(other)
    starts = [model[0].weight.clone() for model in (one, other)]

    step(other, second)
    step(one, first)

    assert torch.equal(other[0].weight, starts[1])
    assert not torch.equal(one[0].weight, starts[0])


def test_a_refusal_is_told_and_nothing_is_changed(intervene):
    told = intervene(SwapActivation((site("7:sigmoid#0"),), "relu"))
    model = net()

    step(model, sgd(model))

    assert told == ["the model has no module 7"]
    assert type(model[1]) is nn.Sigmoid


def test_a_call_in_forward_is_changed_in_the_first_step_already(intervene):
    torch.manual_seed(0)
    told = intervene(SwapActivation((site(":sigmoid#0"),), "relu"))
    model, x = Functional(), torch.randn(16, 4)
    sgd(model)

    first, second = model(x), model(x)

    expected = model.last(F.relu(model.first(x)))
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)
    assert told == [""]


def test_a_layer_before_the_first_takes_part_in_the_first_step_already(intervene):
    intervene(StandardiseInputs(4))
    model = nn.Sequential(nn.Linear(4, 1, bias=False))
    sgd(model)

    outputs = model(100 + torch.randn(16, 4))

    assert outputs.mean().abs() < 1e-4


def test_the_loader_that_trains_is_the_one_that_is_edited(intervene):
    intervene(Shuffle())
    loaders = [DataLoader(TensorDataset(torch.arange(64.0)), batch_size=64) for _ in range(2)]
    model = nn.Sequential(nn.Linear(1, 1))
    optimizer = sgd(model)
    with torch.no_grad():
        [batch] = next(iter(loaders[1]))
        model(batch[:, None])

    [batch] = next(iter(loaders[0]))
    step(model, optimizer, batch[:, None])

    orders = [next(iter(loader))[0].tolist() for loader in loaders]
    assert orders[0] != sorted(orders[0])
    assert orders[1] == sorted(orders[1])
