"""How large the inputs of a network are, also those that are not read themselves."""

import math

import pytest

from lifesigns.evidence.scales import largest_entry
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
