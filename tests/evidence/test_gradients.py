"""The gradient layer by layer."""

import math

import pytest

from lifesigns.evidence.gradients import (
    gradient_norm,
    median_known,
    passed_on,
    reach,
    weight_gradients,
)
from lifesigns.rules import testing as example


def test_a_weight_without_a_finite_gradient_is_left_out():
    graph = example.chain("linear", "linear")
    readings = example.weights(graph, gradient_rms=1.0)
    broken = example.with_gradients(readings, [1.0, float("nan")])

    assert len(weight_gradients(example.snapshot(graph, parameters=readings))) == 2
    assert len(weight_gradients(example.snapshot(graph, parameters=broken))) == 1


@pytest.mark.parametrize(
    ("gradients", "expected"),
    [((1e-3, 1.0, 2.0), 5e-4), ((1.0, 1.0, 0.0), math.nan), ((1e-3, 1.0), math.nan)],
    ids=["three layers", "nothing arrives at the last", "too few layers"],
)
def test_reach_is_the_first_gradient_over_the_last(gradients, expected):
    graph = example.chain(*["linear"] * len(gradients))
    readings = example.with_gradients(example.weights(graph), gradients)

    found = reach(example.snapshot(graph, parameters=readings))

    assert found == pytest.approx(expected, nan_ok=True)


def test_the_median_leaves_out_what_is_not_known():
    assert median_known([1.0, math.nan, 3.0, math.inf]) == 2.0
    assert math.isnan(median_known([math.nan]))


def test_the_norm_is_that_of_the_whole_gradient():
    graph = example.chain("linear/3", "linear/1", units=3)
    readings = example.with_gradients(example.weights(graph), [1.0, 3.0])

    assert gradient_norm(example.snapshot(graph, parameters=readings)) == pytest.approx(6.0)


def test_the_norm_is_infinite_where_a_part_of_the_gradient_is_not_finite():
    graph = example.chain("linear", "linear")
    readings = example.weights(graph, gradient_rms=1.0, nonfinite_gradients=1)

    assert gradient_norm(example.snapshot(graph, parameters=readings)) == math.inf


def test_activations_pass_on_their_share_of_the_gradient():
    graph = example.chain("linear", "tanh", "linear", "tanh", "mse_loss")

    found = passed_on(example.snapshot(graph, sites=example.slopes(graph, 0.25)))

    assert found == pytest.approx(0.25)
    assert math.isnan(passed_on(example.snapshot(graph)))
