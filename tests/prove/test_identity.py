import dataclasses

import numpy as np
import pytest

from lifesigns.prove.identity import Verdict, compare, identity
from lifesigns.records import RunInfo
from lifesigns.rules import testing as examples

GRAPH = examples.chain("linear", "relu", "linear", "nll_loss")


def run(losses, weight=0.1, outcome="finished"):
    """A run with readings of its parameters in the first step."""
    readings = examples.weights(GRAPH, weight_rms=weight, update_rms=0.01)
    trace = examples.trace(examples.snapshot(GRAPH, parameters=readings), losses=losses)
    return dataclasses.replace(trace, info=RunInfo(outcome=outcome))


def test_equal_runs_are_identical_and_what_was_compared_is_counted():
    found = identity(run([2.0, 1.0]), run([2.0, 1.0]))

    assert found.verdict is Verdict.IDENTICAL
    assert found.comparison.losses == 2
    assert found.comparison.snapshots > 0
    assert found.comparison.spread == 0


def test_the_last_bit_of_one_loss_makes_a_difference():
    next_number = float(np.nextafter(1.0, 2.0))

    found = identity(run([2.0, 1.0, 0.5]), run([2.0, next_number, 0.5]))

    assert found.verdict is Verdict.DIFFERENT
    first = found.comparison.first
    assert (first.quantity, first.first, first.other) == ("loss", 1.0, next_number)


def test_zero_and_minus_zero_differ_but_not_two_nans():
    assert compare(run([0.0]), run([-0.0])).first is not None
    assert compare(run([float("nan")]), run([float("nan")])).first is None


def test_a_weight_that_differs_under_equal_losses_is_seen():
    first = compare(run([2.0, 1.0], weight=0.1), run([2.0, 1.0], weight=0.1001)).first

    assert first.quantity == "weight_rms"
    assert (first.first, first.other) == (0.1, 0.1001)


def test_two_ways_of_summing_a_tensor_are_no_difference():
    assert compare(run([2.0], weight=0.1), run([2.0], weight=0.1 + 1e-9)).first is None


def test_a_run_that_ended_earlier_is_another_one():
    first = compare(run([2.0, 1.0, 0.5]), run([2.0, 1.0])).first

    assert first.quantity == "number of steps"


@pytest.mark.parametrize("outcome", ["running", "interrupted", "ended by SIGTERM"])
def test_a_run_that_somebody_ended_repeats_as_far_as_it_went(outcome):
    ended = run([2.0, 1.0], outcome=outcome)

    found = identity(ended, run([2.0, 1.0, 0.5]))

    assert found.verdict is Verdict.IDENTICAL
    assert found.comparison.losses == 2


@pytest.mark.parametrize(
    ("recorded", "verdict"),
    [
        ([2.0, 1.03, 0.51], Verdict.WITHIN_SPREAD),
        ([2.0, 1.50, 0.90], Verdict.DIFFERENT),
        ([2.0, 1.03], Verdict.DIFFERENT),
    ],
)
def test_what_differs_is_measured_by_two_identical_arms(recorded, verdict):
    arms = run([2.0, 1.0, 0.5]), run([2.0, 1.02, 0.52])

    found = identity(run(recorded), *arms)

    assert found.verdict is verdict
    assert found.noise.spread == pytest.approx(np.sqrt((0.02**2 + 0.02**2) / 3))


def test_identical_arms_make_a_recorded_run_that_differs_another_one():
    arm = run([2.0, 1.0])

    assert identity(run([2.0, 1.0001]), arm, arm).verdict is Verdict.DIFFERENT
