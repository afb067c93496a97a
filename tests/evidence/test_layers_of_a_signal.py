"""How the forward signal is measured, layer by layer."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.signal import fade, growth, largest, layers, mismatches, received
from lifesigns.records import BatchReading, SiteReading
from lifesigns.rules import testing as example


def deep(*scales, batch=64):
    """A network of as many layers, whose inputs have these standard deviations."""
    parts = [part for _ in scales for part in ("linear", "relu")][:-1]
    graph = example.chain(*parts, "mse_loss", units=8, batch=batch)
    return example.snapshot(graph, **example.inputs(graph, scales, batch))


def test_fading_is_what_reaches_the_last_layer_of_what_enters():
    assert fade(deep(1.0, 0.1, 0.01)) == pytest.approx(0.01, rel=0.2)
    assert fade(deep(100.0, 1.0, 1.0)) == pytest.approx(1.0, rel=0.2)  # a large input counts as 1


def test_two_layers_are_too_few_to_fade():
    assert math.isnan(fade(deep(1.0, 0.01)))


def test_a_signal_without_any_deviation_is_not_called_faded():
    assert math.isnan(fade(deep(1.0, 1.0, 0.0)))


def test_growth_is_against_an_input_of_at_least_usual_size():
    assert growth(deep(1.0, 5.0, 25.0)) == pytest.approx(50, rel=0.2)
    assert growth(deep(0.01, 0.1, 1.0)) == pytest.approx(2, rel=0.2)


def test_the_largest_signal_is_named():
    place, scale = largest(deep(1.0, 9.0, 3.0))

    assert place == "2:linear#0"
    assert scale == pytest.approx(18, rel=0.2)


def test_the_first_layer_receives_the_batch_and_others_the_activation_before_them():
    graph = example.chain("linear", "relu", "dropout", "linear", "mse_loss", units=4)
    batch, hidden = example.sums(np.ones((8, 4))), example.sums(np.full((8, 4), 2.0))
    shot = example.snapshot(
        graph, sites=[SiteReading(1, hidden)], batch=BatchReading((8, 4), batch)
    )

    assert received(shot, 0) is batch
    assert received(shot, 3) is hidden
    assert [layer.rms for layer in layers(shot)] == [1.0, 2.0]


def test_weights_are_compared_with_the_gain_of_the_activation_behind_them():
    graph = example.chain("linear", "relu", "linear", "mse_loss", units=16)
    right = math.sqrt(2) / 4  # He: the root of 2 over the root of the fan-in
    shot = example.snapshot(graph, parameters=example.weights(graph, weight_rms=10 * right))

    ((site, follower, ratio),) = mismatches(shot)

    assert (site.name, follower) == ("0:linear#0", "relu")
    assert ratio == pytest.approx(10, rel=1e-3)


def test_weights_that_are_all_the_same_are_another_matter():
    graph = example.chain("linear", "relu", "linear", "mse_loss")
    alike = [replace(p, distinct_weight_rows=1) for p in example.weights(graph, weight_rms=9.0)]

    assert list(mismatches(example.snapshot(graph, parameters=alike))) == []
