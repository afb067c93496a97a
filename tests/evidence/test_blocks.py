"""Block means and slopes, against curves whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.evidence.blocks import block_means, slope_score


def test_noise_without_a_trend_is_rarely_called_falling():
    curves = np.random.default_rng(0).normal(1, 0.1, (400, 240))

    alarms = sum(slope_score(curve) > 4 for curve in curves)

    assert alarms <= 4  # p of |t| > 4 with 8 degrees of freedom is 0.4 %, half of it downward


@given(st.floats(0.01, 10), st.integers(20, 200))
def test_a_straight_fall_scores_high_and_a_rise_as_much_below_zero(size, steps):
    fall = np.linspace(size, 0, steps)

    assert slope_score(fall) > 100
    assert slope_score(-fall) == pytest.approx(-slope_score(fall), rel=1e-3)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=90))
def test_block_means_stay_within_the_values_and_are_few(values):
    means = block_means(np.array(values))

    assert 1 <= len(means) <= 10
    assert min(values) - 1e-9 <= means.min()
    assert means.max() <= max(values) + 1e-9
