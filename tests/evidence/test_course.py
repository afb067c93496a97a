"""What a course says of a loss: learned, stalled, diverged, harmed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.evidence import Course
from lifesigns.evidence.courses import course_of
from lifesigns.records import LossCurve, LossReading
from lifesigns.rules import testing as example

RNG = np.random.default_rng(0)
NOISE = 0.1 * RNG.standard_normal(400)


def course(losses, value=1.0, **reading):
    """The course of a run with these losses; `reading` describes the loss of its only snapshot."""
    graph = example.chain("linear", "mse_loss")
    shots = [example.snapshot(graph, loss=LossReading(value, **reading))] if reading else []
    return course_of(example.trace(*shots, losses=losses))


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

    found = course(2 + NOISE, 2.0, kind="squared_error", fit=0.05, scale=1.0, target=target)

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


def test_a_level_loss_that_takes_turns_with_another_is_no_stall():
    levels = 2 + NOISE
    turns = replace(
        example.trace(losses=levels), losses=LossCurve(np.arange(400), levels, np.arange(400) % 2)
    )
    one_after_the_other = replace(
        turns, losses=replace(turns.losses, streams=np.arange(400) // 200)
    )

    assert not course_of(turns).stalled
    assert course_of(one_after_the_other).stalled


@pytest.mark.parametrize(
    ("losses", "went"),
    [
        (np.geomspace(3, 0.1, 400), "fell"),
        (np.r_[3.0, 2.0, 1.0, np.full(397, 0.1)], "fell"),
        (np.linspace(-0.3, 0.1, 400), "rose"),
        (2 + NOISE, "stayed level"),
        (3 * NOISE, "stayed level"),
        (-1.5 - np.linspace(0, 3, 400) + 10 * NOISE, "fell"),
        (np.ones(5), "stayed level"),
    ],
)
def test_a_direction_is_one_beyond_the_noise(losses, went):
    assert course(losses).direction == went


def test_hardly_better_than_a_constant_is_learned_nothing_sooner_or_later():
    target = example.target([[-1.0], [1.0]] * 8)
    losses = 0.97 + 0.1 * NOISE

    long = course(losses, kind="squared_error", fit=1.0, scale=1.0, target=target)
    short = course(losses[:200], kind="squared_error", fit=1.0, scale=1.0, target=target)

    assert long.hardly_learned
    assert not long.learned_nothing
    assert not short.hardly_learned


@pytest.mark.parametrize(
    "changed",
    [
        {"opposed": True},
        {"crosses_zero": True},
        {"targets_move": True},
        {"ends_finite": False},
        {"correlation": 0.6, "correlation_error": 0.01},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_level_that_says_little_is_no_failure_to_learn(changed):
    level = course(2 + NOISE)

    assert level.hardly_learned
    assert not replace(level, **changed).hardly_learned


def test_targets_that_do_not_vary_give_no_baseline():
    target = example.target([[1.0]] * 16)

    found = course(2 + NOISE, kind="squared_error", fit=1.0, scale=1.0, target=target)

    assert np.isnan(found.baseline)
    assert not found.is_below_constant


@pytest.mark.parametrize(("late", "moves"), [(5.0, True), (0.1, False)])
def test_targets_that_are_elsewhere_later_move(late, moves):
    graph, spread = example.chain("linear", "mse_loss"), np.array([[-1.0], [1.0]] * 8)
    shots = [
        example.snapshot(
            graph,
            step=step,
            loss=LossReading(1.0, "squared_error", target=example.target(spread + offset)),
        )
        for step, offset in ((0, 0.0), (100, 0.0), (200, late), (300, late))
    ]

    assert course_of(example.trace(*shots, losses=2 + NOISE)).targets_move == moves


def test_a_loss_says_what_its_numbers_are():
    target = example.target([[-1.0], [1.0]] * 8)

    known = course(
        np.full(400, 32.0), 32.0, kind="squared_error", fit=32.0, scale=16.0, target=target
    )

    assert str(known) == (
        "the loss per observation went from 2 to 2 in 400 steps (median of the first 20, mean of "
        "the last 80), a constant prediction reaches 1 on the targets seen"
    )


def test_a_loss_that_crosses_zero_does_not_rise_a_hundredfold_from_a_start_near_it():
    losses = np.linspace(-0.001, 0.1, 400) + 10 * NOISE * 0.1

    assert not course(losses).diverged
    assert course(np.linspace(-0.1, 50, 400)).diverged


@pytest.mark.parametrize(("end", "learned"), [(3.9, True), (3.999, False)])
def test_a_ranking_learns_where_it_falls_beyond_its_noise(end, learned):
    losses = np.r_[np.full(40, 4.0), np.full(360, end)] + 0.1 * NOISE

    found = course(losses, details={"risk_sets": 1.0})

    assert found.learned == learned
    assert found.hardly_learned != learned


@pytest.mark.parametrize(("correlation", "learned"), [(-0.02, False), (0.15, True)])
def test_outputs_that_say_nothing_of_the_targets_make_a_small_gain_chance(correlation, learned):
    found = Course(
        np.full(400, 0.998),
        baseline=1.063,
        baseline_error=0.0228,
        correlation=correlation,
        correlation_error=0.036,
        kind="squared_error",
        targets_vary=True,
    )

    assert found.learned == learned
    assert found.learned_nothing != learned
