import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.records import LossCurve, Trace
from lifesigns.report.curve import BLOCKS, GAP, curves, is_logarithmic, sparkline


def test_a_falling_line_falls_and_keeps_its_width():
    line = sparkline(np.linspace(9, 1, 1000), width=8)

    assert line == BLOCKS[::-1]


def test_a_constant_is_drawn_level():
    assert len(set(sparkline([2.0] * 50))) == 1


def test_a_loss_over_decades_is_drawn_by_its_logarithm():
    decades = np.geomspace(1e4, 1e-3, 8)

    assert is_logarithmic(decades)
    assert sparkline(decades, width=8) == BLOCKS[::-1]


def test_a_loss_that_reaches_zero_is_drawn_as_it_is():
    assert not is_logarithmic(np.array([100.0, 0.0]))


def test_what_is_not_finite_leaves_a_mark():
    assert sparkline([2, float("nan"), 1, float("inf")]) == f"█{GAP}▁{GAP}"
    assert sparkline([float("nan")] * 3) == GAP * 3


@given(st.lists(st.floats(), max_size=100), st.integers(1, 40))
def test_any_losses_give_one_block_for_each_part_of_them(values, width):
    line = sparkline(values, width)

    assert len(line) == min(width, len(values))
    assert set(line) <= {*BLOCKS, GAP}


def test_each_stream_has_its_own_curve():
    losses = LossCurve(np.arange(4), np.array([1.0, 8.0, 2.0, 9.0]), np.array([0, 3, 0, 3]))

    found = {c.stream: c.values.tolist() for c in curves(Trace(losses=losses))}

    assert found == {0: [1, 2], 3: [8, 9]}


def test_one_loss_of_zero_keeps_the_whole_line_off_the_logarithm():
    losses = np.append(np.geomspace(1e4, 1, 999), 0.0)

    assert not is_logarithmic(losses)
    assert sparkline(losses, width=4) == "█▂▁▁"
