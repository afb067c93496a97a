"""Lessons as files: found by a walk, and a malformed one names file and line."""

import pytest

from lifesigns._errors import UsageError
from lifesigns.play.lesson import LessonError, find, lessons, measures, parsed

GOOD = """order = 1
claims = ["relu-dies"]
steps = 10

[title]
en = "a"
zh = "b"

[sentence]
en = "a"
zh = "b"

[text]
en = "a"
zh = "b"

[guess]
en = "a"
zh = "b"

[[options]]
en = "a"
zh = "b"
right = true

[[options]]
en = "c"
zh = "d"

[numbers]
loss = { what = "loss" }

[[holds]]
number = "loss"
above = 0

[happened]
en = "{loss}"
zh = "{loss}"
"""


def test_a_lesson_has_the_name_of_its_file():
    assert parsed("some-name.toml", GOOD)["name"] == "some-name"


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ('claims = ["relu-dies"]', "claims = [", 3, "Invalid value"),
        ("steps = 10\n", "", 1, "the lesson has no steps"),
        ("steps = 10", "steps = 10\ncolour = 1", 4, "a lesson has no 'colour'"),
        ('[text]\nen = "a"', "[text]", 13, "text has no text in 'en'"),
        ("right = true\n", "", 21, "exactly one of the options is right"),
        ('what = "loss"', 'what = "gain"', 31, "loss measures 'gain'"),
        ('number = "loss"', 'number = "lost"', 33, "it holds for 'lost'"),
        ("above = 0", "beyond = 0", 33, "a condition says one of above"),
        ('zh = "{loss}"', 'zh = "{lost}"', 39, "what happened names {lost}"),
        ("[numbers]", "[other]\na = 1\nb = 2\n\n[numbers]", 30, "the other network differs"),
    ],
)
def test_a_malformed_lesson_says_where(before, after, line, said):
    assert before in GOOD

    with pytest.raises(LessonError) as error:
        parsed("a.toml", GOOD.replace(before, after, 1))

    assert str(error.value).startswith(f"lessons/a.toml:{line}: ")
    assert said in str(error.value)


def test_a_name_that_is_none_gets_near_ones():
    with pytest.raises(UsageError, match="zero-start"):
        find("zero-stat")


def test_lessons_come_in_their_order_and_measure_what_can_be_measured():
    orders = [lesson["order"] for lesson in lessons()]

    assert orders == sorted(orders)
    assert {"loss", "accuracy", "deadShare"} <= measures()
