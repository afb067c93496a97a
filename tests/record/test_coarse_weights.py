"""Weights of few different numbers, and others."""

import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


class Quantised(nn.Linear):
    """Its weight takes its quantised values at each pass, with a scale for each row."""

    def forward(self, x):
        scale = self.weight.data.abs().amax(1, keepdim=True) / 3
        self.weight.data = (self.weight.data / scale).round() * scale
        return super().forward(x)


def levels(kind, width=64):
    torch.manual_seed(0)
    model = nn.Sequential(kind(width, 64), nn.ReLU(), kind(64, 1))
    x = torch.randn(16, width)
    details = snapshot(lambda: model(x).square().mean().backward(), model).loss.details
    return details.get("weight_levels"), details.get("weight_levels_least")


def test_quantised_weights_have_few_levels():
    most, least = levels(Quantised)

    assert 2 < least <= most <= 7


def test_other_weights_have_numbers_of_their_own():
    assert levels(nn.Linear) == (48, 48)


class Pruned(nn.Linear):
    """Nine tenths of its weights are put to 0 at each pass."""

    def forward(self, x):
        self.weight.data *= torch.arange(self.weight.numel()).view_as(self.weight) % 10 == 0
        return super().forward(x)


def test_weights_of_which_few_are_left_have_numbers_of_their_own():
    assert levels(Pruned) == (48, 48)


def test_rows_that_are_too_short_say_nothing():
    model = nn.Linear(47, 64)
    x = torch.randn(16, 47)
    details = snapshot(lambda: model(x).square().mean().backward(), model).loss.details

    assert "weight_levels" not in details
