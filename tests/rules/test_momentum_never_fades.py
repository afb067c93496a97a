"""What a step repeats of the one before it, in networks that are trained."""

import pytest
import torch
from torch import nn

import lifesigns

torch.set_num_threads(1)
SGD, NAME = torch.optim.SGD, "momentum-never-fades"


def found(optimizer, every=1, **settings):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 8))
    steps = optimizer(model.parameters(), **settings)
    with lifesigns.watch(every=every, strict=True) as watcher:
        for _ in range(60):
            x = torch.randn(16, 8)
            steps.zero_grad()
            (model(x) - x.roll(1, 1)).square().mean().backward()
            steps.step()
    return [f.evidence["kept"] for f in watcher.findings if f.rule == NAME]


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 1e-4}, {"momentum": 1.05}])
def test_a_velocity_that_is_not_multiplied(settings):
    given = {"lr": 0.01, "momentum": 1.0, **settings}

    assert found(SGD, **given) == [pytest.approx(given["momentum"], abs=2e-3)]


FADES = {
    "plain": (SGD, {"lr": 0.05}),
    "momentum": (SGD, {"lr": 0.01, "momentum": 0.99}),
    "nesterov": (SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "dampened": (SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.9}),
    "Adam": (torch.optim.Adam, {"lr": 0.01}),
    "RMSprop": (torch.optim.RMSprop, {"lr": 0.01, "momentum": 0.9}),
    "Adagrad": (torch.optim.Adagrad, {"lr": 0.01}),
    "Rprop": (torch.optim.Rprop, {"lr": 0.01}),
}


@pytest.mark.parametrize("name", FADES)
def test_what_fades_or_is_no_sum_of_gradients(name):
    optimizer, settings = FADES[name]

    assert not found(optimizer, **settings)


def test_it_is_not_told_without_two_steps_in_a_row():
    assert not found(SGD, every=7, lr=0.01, momentum=1.0)
