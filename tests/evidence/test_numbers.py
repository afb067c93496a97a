"""What thresholds are compared with, seen from outside."""

import numpy as np
import pytest

from lifesigns.evidence import Run, Threshold, numbers
from lifesigns.evidence.thresholds import JUDGED
from lifesigns.rules import judge
from lifesigns.rules import testing as example

LIMIT = Threshold(0.5, "share of a layer", "a majority")
VALUES = [
    pytest.param(0.7, id="float"),
    pytest.param(3, id="int"),
    pytest.param(np.float64(0.7), id="float64"),
    pytest.param(np.float32(0.75), id="float32"),
    pytest.param(np.int64(3), id="int64"),
]


def compared(value):
    return [value > LIMIT, value >= LIMIT, value < LIMIT, value <= LIMIT, LIMIT < value]  # noqa: SIM300


def a_trace():
    graph = example.chain("linear", "relu", "linear", "mse_loss")
    return example.trace(example.snapshot(graph), losses=list(np.linspace(2, 1, 60)))


@pytest.mark.parametrize("value", VALUES)
def test_each_comparison_is_kept_with_its_value_and_comes_out_as_before(value):
    before = compared(value)

    with numbers.observed() as comparisons:
        seen = compared(value)

    assert seen == before == [True, True, False, False, True]
    assert {c.value for c in comparisons} == {float(value)}
    assert all(c.threshold is LIMIT for c in comparisons)
    assert len(comparisons) == 5


def test_the_place_is_the_function_that_compared():
    with numbers.observed() as comparisons:
        compared(0.7)
        compared(np.float64(0.7))

    assert {c.place for c in comparisons} == {f"{__name__}.compared"}


def test_of_an_array_the_least_and_the_largest_are_kept_and_what_is_unknown_is_not():
    with numbers.observed() as comparisons:
        above = np.array([0.9, np.nan, 0.2, 0.4]) > LIMIT
        unknown = np.nan > LIMIT

    assert above.tolist() == [True, False, False, False]
    assert not unknown
    assert [c.value for c in comparisons] == [0.2, 0.9]


def test_arithmetic_with_arrays_is_as_before_and_no_comparison():
    with numbers.observed() as comparisons:
        product, largest = np.array([2.0]) * LIMIT, np.maximum(np.array([0.1]), LIMIT)

    assert (product.tolist(), largest.tolist(), comparisons) == ([1.0], [0.5], [])


def test_nothing_is_left_behind_even_by_an_error():
    before = set(vars(Threshold))

    with pytest.raises(ZeroDivisionError), numbers.observed():
        1 / 0  # noqa: B018

    assert set(vars(Threshold)) == before


def test_two_observers_at_once_are_refused():
    with (
        numbers.observed() as comparisons,
        pytest.raises(RuntimeError, match="already"),
        numbers.observed(),
    ):
        pass

    assert comparisons == []


def test_judging_finds_the_same_while_observed():
    trace = a_trace()
    before = judge(trace)

    with numbers.observed() as comparisons:
        seen = judge(trace)

    assert seen == before
    steps = [c for c in comparisons if c.threshold is JUDGED]
    assert {c.value for c in steps} == {float(Run.of(trace).stream(0).course.steps)}
    assert "rules.optimisation.rate_too_low.check" in {c.place for c in steps}
