"""How large the inputs of a network are, also those that are not read themselves."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.scales import largest_entry, largest_feature
from lifesigns.records import BatchReading
from lifesigns.rules import testing as example


def _first_layer(behind: float, gain: float, activation: str = "relu"):
    """A first layer of this gain on four inputs, and twice this RMS behind its activation."""
    graph = example.chain("linear", activation, "linear", "mse_loss")
    parameters = example.weights(graph, weight_rms=gain / 2)
    return example.snapshot(graph, parameters=parameters, **example.inputs(graph, [1.0, behind]))


def test_an_input_is_as_large_as_the_values_behind_with_the_gain_undone():
    name, size = largest_entry(_first_layer(200.0, gain=0.5))

    assert name == "0:linear#0"
    assert size == pytest.approx(2 * 200 / 0.5, rel=0.2)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_what_is_squashed_does_not_tell_how_large_its_input_was(activation):
    assert math.isnan(largest_entry(_first_layer(200.0, gain=0.5, activation=activation))[1])


def test_weights_of_zero_do_not_tell_it_either():
    assert math.isnan(largest_entry(_first_layer(200.0, gain=0.0))[1])


@pytest.mark.parametrize(("behind", "size"), [(100.0, 200.0), (0.5, 1.0)])
def test_an_input_that_is_scaled_on_its_way_is_as_large_as_the_first_layer_was_given(behind, size):
    raw = BatchReading((32, 4), example.sums(200.0 * np.ones((32, 4))))

    assert largest_feature(replace(_first_layer(behind, gain=1.0), batch=raw)) == pytest.approx(
        size, rel=0.2
    )
