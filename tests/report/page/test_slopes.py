import math

import numpy as np
import pytest

from lifesigns.records import BatchReading
from lifesigns.report.page.layers import layers
from lifesigns.report.page.slopes import expected_slope
from lifesigns.rules import testing as example


def slope(*operations, weight=0.5, given=1.0):
    """Of the first layer, whose preactivation has a deviation of `weight` times `given` times 2."""
    graph = example.chain(*operations, units=4)
    batch = BatchReading((4, 4), example.sums(given * np.ones((4, 4))))
    parameters = example.weights(graph, weight_rms=weight)
    shot = example.snapshot(graph, parameters=parameters, batch=batch)
    return expected_slope(shot, layers(graph)[0])


@pytest.mark.parametrize("given", [0.01, 1.0, 100.0])
def test_half_of_a_rectifiers_slopes_are_1_whatever_the_size(given):
    assert slope("linear", "relu", given=given) == pytest.approx(math.sqrt(0.5), rel=1e-3)


def test_a_sigmoid_near_zero_has_a_quarter_and_one_that_is_overdriven_next_to_nothing():
    assert slope("linear", "sigmoid", given=0.01) == pytest.approx(0.25, rel=1e-3)
    assert slope("linear", "sigmoid", given=100.0) < 0.05


def test_behind_a_normalisation_the_size_of_the_input_does_not_matter():
    normed = slope("linear", "batch_norm", "tanh", given=100.0)

    assert normed == pytest.approx(slope("linear", "tanh", given=1.0))


@pytest.mark.parametrize("operation", ["softmax", "maximum", "linear"])
def test_what_is_not_in_the_catalogue_is_not_guessed(operation):
    assert slope("linear", operation) is None
