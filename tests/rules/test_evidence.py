"""The course of a loss, and the other shared questions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.records import Kind, LossCurve, LossReading, Site, SiteReading
from lifesigns.rules import _examples as example
from lifesigns.rules._evidence import (
    constant_loss,
    is_hidden,
    latest,
    listed,
    merged,
    progress,
    samples,
    since,
    weight_gradients,
)

RNG = np.random.default_rng(0)
NOISE = 0.1 * RNG.standard_normal(400)


def course(losses, **reading):
    """Progress of a run with these losses; `reading` describes the loss of its only snapshot."""
    graph = example.chain("linear", "mse_loss")
    shots = [example.snapshot(graph, loss=LossReading(1.0, **reading))] if reading else []
    return progress(example.trace(*shots, losses=losses))


def test_a_noisy_fall_is_learning():
    assert course(np.linspace(2, 0.5, 400) + NOISE).learned


def test_noise_around_a_level_is_a_stall():
    found = course(2 + NOISE)

    assert found.stalled
    assert found.harmed
    assert not found.learned


def test_a_slow_fall_beyond_its_noise_is_no_stall():
    found = course(np.linspace(2, 1.9, 400) + 0.01 * NOISE)

    assert found.falling
    assert not found.harmed


def test_a_fall_to_the_best_constant_is_a_stall_however_high_it_started():
    target = example.target([[-1.0], [1.0]] * 8)
    losses = np.r_[np.geomspace(1000, 1, 100), 1 + NOISE[:300]]

    found = course(losses, kind="squared_error", fit=1.0, scale=1.0, target=target)

    assert found.stalled
    assert not found.learned


def test_a_penalty_is_not_counted_as_misfit():
    target = example.target([[-1.0], [1.0]] * 8)

    found = course(2 + NOISE, kind="squared_error", fit=0.05, scale=1.0, target=target)

    assert found.learned


def test_a_rise_above_twice_the_start_is_divergence():
    assert course(np.geomspace(1, 100, 50)).diverged


def test_nan_is_divergence():
    found = course([1.0, 2.0, float("nan")])

    assert found.diverged
    assert "non-finite" in str(found)


def test_a_fall_that_ends_at_the_best_constant_is_a_stall():
    target = example.target([[-1.0], [1.0]] * 8)
    losses = 1 + np.geomspace(0.1, 1e-4, 400)

    found = course(losses, kind="squared_error", fit=1.0, scale=1.0, target=target)

    assert found.settled
    assert found.stalled


def test_a_loss_above_the_best_constant_is_worse_even_while_it_falls():
    target = example.target([[-1.0], [1.0]] * 8)

    found = course(np.linspace(9, 5, 400), kind="squared_error", fit=1.0, scale=1.0, target=target)

    assert found.worse_than_constant
    assert found.falling


@pytest.mark.parametrize("length", [0, 1, 2, 19])
def test_a_short_run_is_not_judged(length):
    found = course(np.ones(length))

    assert not found.judged
    assert not found.learned
    assert not found.harmed
    assert not found.falling


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=60))
def test_a_course_is_never_both_learned_and_harmed(losses):
    found = course(losses)

    assert not found.learned or not found.harmed
    assert str(found)


def test_the_best_constant_for_classes_has_the_loss_of_their_entropy():
    target = example.target([0, 0, 0, 1], classes=3)
    shot = example.snapshot(
        example.chain("linear"), loss=LossReading(1.0, kind="cross_entropy", target=target)
    )

    expected = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))

    assert constant_loss(example.trace(shot, shot)) == pytest.approx(expected)


def test_the_best_constant_for_bits_has_the_mean_entropy_of_the_units():
    target = example.target([[0, 0], [1, 0], [0, 1], [1, 0]])
    shot = example.snapshot(
        example.chain("linear"), loss=LossReading(1.0, kind="binary_cross_entropy", target=target)
    )

    expected = (np.log(2) - (0.25 * np.log(0.25) + 0.75 * np.log(0.75))) / 2

    assert constant_loss(example.trace(shot)) == pytest.approx(expected)


def test_the_best_constant_of_an_unknown_loss_is_unknown():
    shot = example.snapshot(example.chain("linear"), loss=LossReading(1.0))

    assert np.isnan(constant_loss(example.trace(shot)))


def test_merging_a_site_equals_the_sums_of_all_observations():
    graph = example.chain("linear", "relu")
    values = RNG.standard_normal((24, 4))
    shots = [
        example.snapshot(graph, step=i, sites=[SiteReading(1, example.sums(part))])
        for i, part in enumerate(np.split(values, 3))
    ]

    found = merged(shots, "1:relu#0")

    np.testing.assert_allclose(found.mean, values.mean(0))
    assert merged(shots, "no such site") is None


def test_latest_is_the_last_quarter_and_never_empty():
    graph = example.chain("linear")
    trace = example.trace(*(example.snapshot(graph, step=i) for i in range(8)))

    assert [s.step for s in latest(trace)] == [6, 7]
    assert len(latest(example.trace(example.snapshot(graph)))) == 1


def test_since_is_the_start_of_the_unbroken_end():
    graph = example.chain("linear")
    shots = [example.snapshot(graph, step=i) for i in range(6)]

    assert since(shots, lambda s: s.step in (0, 1, 3, 4, 5)) == 3


def test_samples_are_counted_not_positions():
    assert samples(Site("", "relu", 0, Kind.ACTIVATION, (32, 8, 5, 5), unit_dim=1)) == 32
    assert samples(Site("", "relu", 0, Kind.ACTIVATION, (16,))) == 1


def test_hidden_means_a_weight_follows():
    graph = example.chain("linear", "relu", "linear", "mse_loss")

    assert [is_hidden(graph, i) for i in range(4)] == [True, True, False, False]


def test_a_weight_without_a_finite_gradient_is_left_out():
    graph = example.chain("linear", "linear")
    readings = example.weights(graph, gradient_rms=1.0)
    broken = example.with_gradients(readings, [1.0, float("nan")])

    assert len(weight_gradients(example.snapshot(graph, parameters=readings))) == 2
    assert len(weight_gradients(example.snapshot(graph, parameters=broken))) == 1


def test_long_lists_are_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdef"), 2) == "a, b and 4 more"


def test_a_level_loss_that_takes_turns_with_another_is_no_stall():
    levels = 2 + NOISE
    turns = replace(
        example.trace(losses=levels), losses=LossCurve(np.arange(400), levels, np.arange(400) % 2)
    )
    one_after_the_other = replace(
        turns, losses=replace(turns.losses, streams=np.arange(400) // 200)
    )

    assert not progress(turns).stalled
    assert progress(one_after_the_other).stalled
