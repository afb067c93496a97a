"""The largest weight decay of the optimizers is told, where they have one."""

import math

import pytest
import torch
from torch import nn


def told(recording, make):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    recorder, optimizer = recording(every=1), make(model)
    model(torch.randn(4, 3)).square().mean().backward()
    optimizer.step()
    recorder.stop()
    return recorder.trace().weight_decay


@pytest.mark.parametrize(
    ("make", "decay"),
    [
        (lambda m: torch.optim.SGD(m.parameters(), 0.1), 0),
        (lambda m: torch.optim.AdamW(m.parameters()), 0.01),
        (
            lambda m: torch.optim.SGD(
                [{"params": m[0].parameters(), "weight_decay": 0.5}, {"params": m[1].parameters()}],
                0.1,
            ),
            0.5,
        ),
    ],
)
def test_the_largest_of_all_groups_is_told(recording, make, decay):
    assert told(recording, make) == decay


def test_an_optimizer_without_the_setting_is_not_known_to_have_none(recording):
    class Plain(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 0.1})

        def step(self, closure=None):
            with torch.no_grad():
                for p in self.param_groups[0]["params"]:
                    p -= 0.1 * p.grad

    assert math.isnan(told(recording, lambda m: Plain(m.parameters())))
