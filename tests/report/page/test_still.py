"""The pictures for readers without JavaScript."""

import math

import pytest

from lifesigns.report.page.arrays import pack
from lifesigns.report.page.still_ladder import level
from lifesigns.report.page.still_loss import loss_svg

SHARE = {"expected": [None, 0.1], "broken": [None, 0.5], "logarithmic": False}
UPDATE = {"expected": [1e-4, 1e-2], "broken": [1e-7, None], "logarithmic": True}


def losses(values, findings=(), logarithmic=False, evaluated=()):
    loss = {
        "steps": pack(range(len(values)), "int32"),
        "low": pack(values, "float32"),
        "logarithmic": logarithmic,
    }
    steps = pack(evaluated, "int32")
    return {"losses": [loss], "evaluated": steps, "report": {"findings": findings}}


@pytest.mark.parametrize(
    ("value", "column", "far"),
    [
        (0.1, SHARE, 0),
        (0.11, SHARE, 1),
        (0.3, SHARE, 2),
        (0.49, SHARE, 3),
        (0.5, SHARE, 4),
        (math.nan, SHARE, 0),
        (0.0, UPDATE, -4),
        (1e-5, UPDATE, -2),
        (math.inf, UPDATE, 1),
    ],
)
def test_a_level_is_the_distance_to_what_is_expected(value, column, far):
    assert level(value, column) == far


def test_a_loss_that_was_never_finite_is_said_so():
    assert loss_svg(losses([math.nan, math.inf])) == "<p>No finite loss was seen.</p>"


def test_no_loss_at_all_is_said_so():
    assert "No finite loss" in loss_svg({"losses": [], "report": {"findings": []}})


def test_zero_and_less_have_no_place_on_a_logarithmic_axis():
    text = loss_svg(losses([1.0, 0.0, -1.0, 0.01], logarithmic=True))

    assert text.count(",") == 2
    assert ">0.01</text>" in text


def test_marks_of_one_step_stand_side_by_side():
    found = [{"severity": "error", "symptom": "a", "step": 0}] * 2

    text = loss_svg(losses([2.0, 1.0], found))

    assert 'd="M54.0 ' in text
    assert 'd="M70.0 ' in text


def test_a_symptom_cannot_end_the_picture():
    found = [{"severity": "note", "symptom": "</svg><script>", "step": 1}]

    assert "<script>" not in loss_svg(losses([2.0, 1.0], found))


def test_an_evaluation_is_a_line_and_many_are_short_ones():
    few = loss_svg(losses([2.0, 1.0, 0.5], evaluated=[1, 2]))
    many = loss_svg(losses([1.0] * 200, evaluated=range(100)))

    assert few.count('class="still-evaluated"') == 2
    assert "evaluation after step 2" in few
    assert 'y1="24"' in few
    assert many.count('class="still-evaluated"') == 100
    assert 'y1="24"' not in many
