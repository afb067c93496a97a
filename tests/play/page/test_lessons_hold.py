"""Each lesson shows its sentence: its numbers, taken of its run, are what it says they are."""

import json
import math

import pytest

from lifesigns.claims import all_claims
from lifesigns.play.lesson import lessons

LESSONS = {lesson["name"]: lesson for lesson in lessons()}
TIMED = ("costOverRelu",)
"""What depends on the machine's mood is only measured, not judged."""


@pytest.fixture(scope="module")
def free(played):
    return played.at()


def _number(value):
    return math.inf if value == "Infinity" else value


def _holds(condition, values):
    value = values[condition["number"]]

    def bound(name):
        given = condition[name]
        return condition.get("times", 1) * (values[given] if isinstance(given, str) else given)

    if "above" in condition:
        return value > bound("above")
    if "below" in condition:
        return value < bound("below")
    if "between" in condition:
        return condition["between"][0] <= value <= condition["between"][1]
    return abs(value - bound("equals")) <= 1e-12


def _run(page, lesson):
    """The settings of a lesson as its link has them, run to its last step and measured."""
    page.page.evaluate("(words) => { location.hash = words; }", f"#v=1&lesson={lesson['name']}")
    page.page.wait_for_selector(f'#page[data-lesson="{lesson["name"]}"]')
    page.ask("advance", steps=lesson["steps"])
    return page.ask("measure", numbers=lesson["numbers"])


@pytest.mark.parametrize("name", LESSONS)
def test_the_sentence_of_a_lesson_is_what_its_run_shows(free, name):
    lesson = LESSONS[name]

    answer = _run(free, lesson)

    values = {key: _number(value) for key, value in answer["values"].items()}
    if any(number["what"] in TIMED for number in lesson["numbers"].values()):
        assert all(math.isfinite(value) and value > 0 for value in values.values())
        return
    for condition in lesson["holds"]:
        assert _holds(condition, values), (condition, values)
    found = {finding["rule"] for finding in answer["found"]}
    assert lesson.get("finding", "symmetric-units") in found or "finding" not in lesson, found


def test_every_claim_has_a_lesson_and_every_lesson_a_claim():
    shown = [claim for lesson in LESSONS.values() for claim in lesson["claims"]]

    assert sorted(shown) == sorted(claim.name for claim in all_claims())


def test_a_lesson_is_a_guess_a_run_and_a_text_that_uses_its_numbers():
    for lesson in LESSONS.values():
        assert 2 <= len(lesson["options"]) <= 4, lesson["name"]
        for language in ("en", "zh"):
            assert "{" in lesson["happened"][language], lesson["name"]
        assert json.dumps(lesson)
