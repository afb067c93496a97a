import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifesigns.records import LossCurve, Trace
from lifesigns.report.page.arrays import unpack
from lifesigns.report.page.losses import MOST_BUCKETS, losses


def drawn(values):
    curve = LossCurve(np.arange(len(values)), np.array(values), np.zeros(len(values), np.int64))
    (made,) = losses(Trace(losses=curve))
    return {name: unpack(made[name]) for name in ("steps", "low", "high", "nonfinite")}


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5 * MOST_BUCKETS), st.data())
def test_a_spike_and_a_gap_are_in_their_buckets(count, data):
    spike, gap = (data.draw(st.integers(0, count - 1)) for _ in range(2))
    values = np.ones(count)
    values[spike] = 1e6
    values[gap] = np.nan

    made = drawn(values)

    assert len(made["steps"]) <= MOST_BUCKETS
    assert made["nonfinite"].sum() == 1
    assert made["nonfinite"][np.searchsorted(made["steps"], gap, side="right") - 1] == 1
    if spike != gap:
        assert made["high"][np.searchsorted(made["steps"], spike, side="right") - 1] == 1e6
        assert np.nanmin(made["low"]) == (1 if count > 2 else np.nanmin(values))


def test_a_bucket_without_a_finite_loss_is_a_gap():
    made = drawn([1.0, np.inf, 2.0])

    assert np.isnan(made["low"]).tolist() == [False, True, False]
    assert made["high"].tolist()[::2] == [1.0, 2.0]


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 123_456])
def test_lowest_and_highest_are_of_all_losses(count):
    values = np.random.default_rng(0).lognormal(size=count)

    made = drawn(values)

    assert made["low"].min() == np.float32(values.min())
    assert made["high"].max() == np.float32(values.max())
