"""Settings of optimizers like Adam whose momentum remembers more than their scale."""

import pytest
import torch
from torch import nn

from lifesigns.record.schedule.long_momenta import long_momenta
from lifesigns.records import LongMomentum, Trace, from_json, to_json


def weights():
    return nn.Linear(3, 1).parameters()


class Named(torch.optim.Optimizer):
    def __init__(self, params, betas):
        super().__init__(params, {"lr": 0.1, "betas": betas})


def named(name, betas):
    return type(name, (Named,), {})(weights(), betas)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RAdam", "Adamax", "SparseAdam"])
def test_those_of_torch_are_told(name):
    optimizer = getattr(torch.optim, name)(weights(), betas=(0.999, 0.9))
    assert list(long_momenta(optimizer)) == [LongMomentum(name, 0.999, 0.9)]


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.9), (0.5, 0.9), (0.0, 0.99)])
def test_a_first_number_that_is_not_above_the_second_is_no_sign(betas):
    assert not list(long_momenta(torch.optim.Adam(weights(), betas=betas)))


def test_each_group_has_its_own():
    first, second = nn.Linear(3, 1), nn.Linear(3, 1)
    groups = [{"params": first.parameters()}, {"params": second.parameters(), "betas": (0.99, 0)}]
    assert list(long_momenta(torch.optim.Adam(groups))) == [LongMomentum("Adam", 0.99, 0.0)]


def test_numbers_that_are_tensors_are_read():
    found = list(long_momenta(named("Adam8bit", (torch.tensor(0.5), torch.tensor(0.25)))))
    assert found == [LongMomentum("Adam8bit", 0.5, 0.25)]


@pytest.mark.parametrize("name", ["Lion", "Adan", "AdamWScheduleFree", "NovoGrad"])
def test_those_that_mean_something_else_are_left_alone(name):
    assert not list(long_momenta(named(name, (0.98, 0.5))))


@pytest.mark.parametrize("betas", [(), (0.9,), (0.99, 0.9, 0.5), None, 0.9, ("a", "b"), (1.0, 0.5)])
def test_other_settings_are_left_alone(betas):
    assert not list(long_momenta(named("Adam", betas)))


def test_plain_descent_has_none():
    assert not list(long_momenta(torch.optim.SGD(weights(), 0.1)))


def test_a_run_tells_them_once_and_keeps_them(recording):
    model = nn.Linear(3, 1)
    recorder, optimizer = (
        recording(every=1),
        torch.optim.AdamW(model.parameters(), betas=(0.9, 0.0)),
    )
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 3)).square().mean().backward()
        optimizer.step()
    recorder.stop()
    trace = recorder.trace()
    assert trace.long_momenta == (LongMomentum("AdamW", 0.9, 0.0),)
    assert from_json(Trace, to_json(trace)).long_momenta == trace.long_momenta
