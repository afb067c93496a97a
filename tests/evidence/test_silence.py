"""Rectifiers that gave nothing in the first recorded step, nor later."""

import pytest

from lifesigns.evidence import Run
from lifesigns.evidence.silence import silent_layers
from lifesigns.rules import testing as example


def silent(activation, *, first, then):
    """What is found of ten units of which so many were silent at first, and later."""
    graph = example.chain("linear", activation, "linear", "mse_loss", units=10, batch=64)
    known = example.steady(
        graph, example.FLAT, first=[example.silent(1, first)], sites=[example.silent(1, then)]
    )
    (stream,) = Run(known).streams
    return list(silent_layers(stream))


@pytest.mark.parametrize(("first", "then", "share"), [(5, 5, 0.5), (0, 5, 0.0), (5, 2, 0.2)])
def test_units_count_that_are_silent_at_both_ends(first, then, share):
    (layer,) = silent("relu", first=first, then=then)

    assert layer.share == pytest.approx(share)


def test_what_is_no_rectifier_is_left_out():
    assert silent("tanh", first=5, then=5) == []
