import numpy as np
import pytest

from lifesigns.report.plot import around, plot

X = np.linspace(-2, 2, 201)


def drawn(y, width=21, height=11, braille=False):
    return plot(X, y, around(X, y, width, height), braille=braille)


@pytest.mark.parametrize("braille", [True, False])
@pytest.mark.parametrize("y", [X, X**2, np.sign(X), 0 * X, np.exp(9 * X)], ids=range(5))
def test_every_line_has_the_width_of_the_frame(y, braille):
    lines = drawn(y, braille=braille)

    assert [len(line) for line in lines] == [21] * 11


def test_a_straight_line_is_a_diagonal():
    lines = drawn(X)

    stars = [[i for i, mark in enumerate(line) if mark == "*"] for line in lines]
    assert [row[0] for row in stars] == sorted((row[0] for row in stars), reverse=True)
    assert (stars[0][-1], stars[-1][0]) == (20, 0)


def test_a_jump_is_drawn_without_a_gap():
    lines = drawn(np.where(X > 0, 1.0, 0.0))

    assert all("*" in line for line in lines)


def test_the_axes_cross_where_both_are_zero():
    lines = drawn(X)

    assert [line[10] for line in lines].count("|") == 10
    assert lines[5][:10].strip("*") == "-" * 10


def test_a_curve_that_never_reaches_zero_has_no_horizontal_axis():
    assert not any("-" in line for line in drawn(X + 9))


def test_braille_draws_eight_dots_a_character():
    (line,) = plot(X, 0 * X + 1, around(X, 0 * X + 1, 3, 1))

    assert len(set(line)) == 1
    assert 0x2800 < ord(line[0]) < 0x2900
