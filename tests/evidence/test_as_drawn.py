"""Weights of the size with which torch draws them."""

import pytest
import torch
from torch import nn

from lifesigns.evidence.as_drawn import are_as_drawn
from lifesigns.records import ParameterReading

MODULES = {
    "linear": lambda: nn.Linear(40, 64),
    "convolution": lambda: nn.Conv2d(8, 24, 3),
    "embedding": lambda: nn.Embedding(50, 32),
    "lstm": lambda: nn.LSTM(24, 32),
    "gru": lambda: nn.GRU(24, 32),
    "attention": lambda: nn.MultiheadAttention(48, 4),
}


def readings(module, factor=1.0):
    return [
        ParameterReading(
            name, tuple(p.shape), weight_rms=factor * float(p.detach().square().mean().sqrt())
        )
        for name, p in module.named_parameters()
    ]


@pytest.mark.parametrize("name", MODULES)
def test_what_torch_has_just_made_is_as_drawn(name):
    torch.manual_seed(0)
    made = [*readings(MODULES[name]()), *readings(MODULES[name]())]

    assert are_as_drawn(made)


@pytest.mark.parametrize("name", MODULES)
def test_what_has_another_size_was_trained_or_given_one(name):
    torch.manual_seed(0)
    trained = [*readings(MODULES[name](), 1.1), *readings(MODULES[name](), 0.85)]

    assert not are_as_drawn(trained)


def test_one_weight_or_small_ones_do_not_tell():
    torch.manual_seed(0)

    assert not are_as_drawn(readings(nn.Linear(40, 64)))
    assert not are_as_drawn([*readings(nn.Linear(8, 8)), *readings(nn.Linear(8, 8))])
