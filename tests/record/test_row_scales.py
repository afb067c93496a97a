"""Factors of an output's rows are compared with the sizes of the rows of the input."""

import math

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

SCALES = 10 ** torch.linspace(0, 3, 32)[:, None]
ROWS = torch.randn(32, 12, generator=torch.Generator().manual_seed(1))
SPREAD = math.log(10) * torch.linspace(0, 3, 32).std().item()


def compared(rows, factor, shape=lambda y: y):
    torch.manual_seed(0)
    model = nn.Linear(rows.shape[-1], 4)

    def loss():
        (shape(model(rows)) * factor).square().mean().backward()

    details = snapshot(loss, model).loss.details
    return details.get("row_factor_spread"), details.get("row_ratio_spread")


def test_a_scale_that_is_still_in_the_rows():
    spread, left = compared(ROWS * SCALES, SCALES)

    assert spread == pytest.approx(SPREAD, rel=1e-4)
    assert left < 0.25


def test_a_scale_that_was_taken_out():
    spread, left = compared(ROWS, SCALES)

    assert left == pytest.approx(spread, rel=0.1)


def test_a_scale_for_each_channel_of_a_series():
    scales = SCALES.reshape(8, 1, 4)
    series = ROWS[:, :4].repeat(8, 1).reshape(8, 32, 4) * scales

    assert compared(series.transpose(1, 2), scales, lambda y: y.transpose(1, 2))[1] < 0.5


OTHERS = {
    "a number": lambda: compared(ROWS, 2.0),
    "a factor for each place": lambda: compared(ROWS, SCALES.expand(32, 4).clone()),
    "a mask": lambda: compared(ROWS, (SCALES > 30).float()),
    "rows of a few numbers": lambda: compared(ROWS[:, :3] * SCALES, SCALES),
    "other rows": lambda: compared(ROWS, SCALES[:16], lambda y: y[:16]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_not_compared(name):
    assert OTHERS[name]() == (None, None)
