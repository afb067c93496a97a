"""Where a falling loss gets, against curves whose future is known."""

import math

import numpy as np
import pytest

from lifesigns.evidence.destination import loses_pace, settles_early, steps_until

STEPS = np.arange(300)
NOISE = np.random.default_rng(0).standard_normal(300)


@pytest.mark.parametrize("slope", [0.01, 1e-5])
def test_a_straight_line_arrives_when_it_should(slope):
    line = 1 - slope * STEPS

    assert steps_until(line, 1 - slope * 500) == pytest.approx(200, abs=3)


def test_a_decay_arrives_above_the_level_where_it_rests_and_never_below():
    decay = 1 + np.exp(-STEPS / 100)

    assert steps_until(decay, 1.02) == pytest.approx(100 * math.log(50) - 299, abs=5)
    assert math.isinf(steps_until(decay, 0.99))


def test_what_gathers_pace_arrives_sooner_than_a_line_would():
    plateau = 1 - 1e-3 * np.exp(STEPS / 60)

    assert steps_until(plateau, 0.5) == pytest.approx(60 * math.log(500) - 299, abs=10)


def test_a_level_already_reached_needs_no_steps():
    assert steps_until(1 - 1e-3 * STEPS, 0.9) == 0


@pytest.mark.parametrize("curve", [np.ones(300), 1 + 1e-3 * STEPS, np.empty(0), np.ones(4)])
def test_what_does_not_fall_never_arrives(curve):
    assert math.isinf(steps_until(curve, 0.5))


def test_noise_is_taken_for_no_change_of_pace():
    noisy = 1 - 1e-3 * STEPS + 0.3 * NOISE

    assert not loses_pace(noisy)
    assert loses_pace(1 + np.exp(-STEPS / 60))


@pytest.mark.parametrize(
    ("curve", "settles"),
    [
        (1 + np.exp(-STEPS / 5) + 0.02 * NOISE, True),
        (1 + np.exp(-STEPS / 100), False),
        (1 + 0.02 * NOISE, False),
        (1 + 0.05 * np.exp(-STEPS / 5), False),
        (np.ones(3), False),
    ],
    ids=["at once", "slowly", "level", "by little", "too short"],
)
def test_only_a_large_fall_in_the_first_tenth_settles_early(curve, settles):
    assert settles_early(curve) == settles
