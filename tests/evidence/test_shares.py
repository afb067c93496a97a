"""What recorded steps say of a whole run: how much was seen, and how far a share may be off."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifesigns.evidence.shares import CONFIDENCE, at_most, bounds, exceeding, percent, seen, within
from lifesigns.records import LossCurve
from lifesigns.rules import testing as example

GRAPH = example.chain("linear", "mse_loss")
SAMPLES = st.integers(1, 60)
RATES = st.floats(0, 1)


def shots(*steps, stream=0):
    return [replace(example.snapshot(GRAPH, step=step), stream=stream) for step in steps]


def binomial(samples, rate):
    """The probability of each number of hits, from none to all."""
    return [
        math.comb(samples, k) * rate**k * (1 - rate) ** (samples - k) for k in range(samples + 1)
    ]


# --- how often the truth lies inside, summed over all that can be counted -------------------------
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), RATES)
def test_the_bounds_hold_the_true_rate_with_the_confidence_they_claim(samples, rate):
    alone = [bounds(k / samples, samples) for k in range(samples + 1)]

    holds = [low <= rate <= high for low, high in alone]
    covered = sum(p for p, held in zip(binomial(samples, rate), holds, strict=True) if held)

    assert covered >= CONFIDENCE - 1e-9


@given(SAMPLES, RATES, st.integers(1, 100))
def test_of_many_units_none_exceeds_the_bound_that_its_silence_gives(samples, rate, units):
    silent = (1 - rate) ** samples

    exceeds = rate > at_most(samples, among=units) + 1e-9
    missed = 1 - (1 - silent) ** units if exceeds else 0.0

    assert missed <= 1 - CONFIDENCE + 1e-6


@given(st.integers(30, 10**6))
def test_for_one_unit_it_is_the_rule_of_three(samples):
    assert at_most(samples) <= 3 / samples
    assert at_most(samples) == pytest.approx(3 / samples, rel=0.1)


@given(st.lists(RATES, min_size=1, max_size=8), SAMPLES)
def test_bounds_enclose_the_share_and_narrow_with_samples(shares, samples):
    low, high = bounds(shares, samples)
    narrow_low, narrow_high = bounds(shares, 4 * samples)

    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= shares).all()
    assert (high >= shares).all()
    assert (narrow_high - narrow_low <= high - low).all()


@given(st.lists(RATES, min_size=1, max_size=8), SAMPLES)
def test_the_share_that_exceeds_lies_between_what_surely_does_and_what_may(shares, samples):
    low, high = exceeding(shares, 0.5, samples)

    assert low <= np.mean(np.array(shares) > 0.5) <= high


def test_nothing_is_known_without_a_sample():
    assert at_most(0) == 1
    assert [edge.tolist() for edge in bounds([0.3], 0)] == [[0.0], [1.0]]


# --- how much was seen ----------------------------------------------------------------------------
def test_never_may_be_said_where_each_pass_was_recorded():
    looked = seen(example.trace(losses=[1.0] * 3), shots(0, 1, 2))

    assert looked.whole
    assert str(looked) == "all 3 steps"


def test_steps_left_out_are_counted():
    looked = seen(example.trace(losses=[1.0] * 30), shots(0, 9))

    assert not looked.whole
    assert str(looked) == "2 of 30 steps"


def test_a_micro_batch_that_was_not_recorded_is_left_out_too():
    two_a_step = LossCurve(np.array([0, 0, 1, 1]), np.ones(4), np.zeros(4, np.int64))
    run = replace(example.trace(losses=[1.0] * 2), losses=two_a_step)

    assert not seen(run, shots(0, 1)).whole
    assert seen(run, shots(0, 0, 1, 1)).whole


def test_passes_that_could_not_be_watched_are_left_out_too():
    run = example.trace(losses=[1.0] * 2, unseen=("2 calls of autograd.grad",))

    assert not seen(run, shots(0, 1)).whole


def test_of_losses_in_turn_the_steps_of_each_are_its_own():
    in_turn = LossCurve(np.arange(4), np.ones(4), np.array([0, 1, 0, 1]))
    run = replace(example.trace(losses=[1.0] * 4), losses=in_turn)

    looked = seen(run, shots(1, 3, stream=1))

    assert looked.whole
    assert looked.total == 2


def test_the_end_of_a_run_may_be_seen_as_a_whole():
    run = example.trace(losses=[1.0] * 30)

    assert seen(run, shots(28, 29), since=28).whole
    assert not seen(run, shots(27, 29), since=27).whole


def test_nothing_seen_is_not_the_whole():
    assert not seen(example.trace(losses=[1.0] * 3), []).whole


# --- words ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("share", "text"), [(0.00427, "0.43 %"), (0.0544, "5.4 %"), (0.999, "100 %"), (1, "100 %")]
)
def test_a_share_has_two_digits(share, text):
    assert percent(share) == text


def test_an_interval_says_its_confidence():
    assert within((0.75, 0.845)) == "75 % to 84 % at 95 % confidence"
