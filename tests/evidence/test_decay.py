"""Weights that shrink because their updates point along themselves."""

import pytest

from lifesigns.evidence import Run
from lifesigns.evidence.decay import shrinkage
from lifesigns.rules import testing as example

GRAPH = example.chain("linear", "mse_loss")


def shrunk(share, *, update):
    """The weight of a run that loses this share of itself in each of a hundred steps."""
    sizes = {step: (1 - share) ** step for step in (0, 10, 50, 99)}
    shots = [
        example.snapshot(
            GRAPH,
            step=step,
            parameters=example.weights(GRAPH, weight_rms=size, update_rms=update * size),
        )
        for step, size in sizes.items()
    ]
    (stream,) = Run(example.trace(*shots, losses=example.FLAT)).streams
    (found,) = shrinkage(stream)
    return found


def test_updates_of_a_share_of_the_weight_led_all_the_way_to_nothing():
    found = shrunk(0.05, update=0.05)

    assert found.along == pytest.approx(1, abs=0.05)
    assert found.decays


def test_a_long_way_that_led_elsewhere_is_no_decay():
    found = shrunk(0.05, update=0.5)

    assert found.last < 0.01 * found.first
    assert not found.decays
