"""Each lesson shows its sentence: its numbers, taken of its run, are what it says they are."""

import functools
import json
import math

import pytest
from scripted import close, judged, leading

from lifesigns.claims import all_claims
from lifesigns.play.lesson import lessons

LESSONS = {lesson["name"]: lesson for lesson in lessons()}
TIMED = ("costOverRelu",)
"""What depends on the machine's mood is only measured, not judged."""


SPARSELY = 20
"""Every so many steps of a script are recorded: most of a lesson's are like the one before."""


@pytest.fixture(scope="module")
def shown(played):
    """`shown(lesson)`: its numbers, findings and scripts, after its last step; run once."""
    page = played.at()
    return functools.cache(lambda name: _run(page, LESSONS[name]))


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
    found = page.ask("advance", steps=lesson["steps"])["frame"]["findings"]
    values = page.ask("measure", numbers=lesson["numbers"])["values"]
    return values, found, page.ask("exported")["sides"]


@pytest.mark.parametrize("name", LESSONS)
def test_the_sentence_of_a_lesson_is_what_its_run_shows(shown, name):
    lesson = LESSONS[name]

    numbers, findings, _ = shown(name)

    values = {key: _number(value) for key, value in numbers.items()}
    if any(number["what"] in TIMED for number in lesson["numbers"].values()):
        assert all(math.isfinite(value) and value > 0 for value in values.values())
        return
    for condition in lesson["holds"]:
        assert _holds(condition, values), (condition, values)
    found = {finding["rule"] for finding in findings}
    assert lesson.get("finding", "symmetric-units") in found or "finding" not in lesson, found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.sampled(name, (lesson.get("finding", ""),)))
        for name, lesson in LESSONS.items()
    ],
)
def test_the_script_of_each_network_leads_with_the_same_finding(shown, name):
    _, findings, sides = shown(name)

    assert len(sides) == 1 + ("other" in LESSONS[name])
    for number, side in enumerate(sides):
        page = [(f["rule"], f["severity"], "") for f in findings if f["side"] == number]
        left, watched = judged(side["script"], f"{name}-{number}.py", SPARSELY)
        assert leading(watched) == leading(page), (number, watched)
        assert close(left["training_loss"], _number(side["loss"]))


def test_every_claim_has_a_lesson_and_every_lesson_a_claim():
    shown = [claim for lesson in LESSONS.values() for claim in lesson["claims"]]

    assert sorted(shown) == sorted(claim.name for claim in all_claims())


def test_a_lesson_is_a_guess_a_run_and_a_text_that_uses_its_numbers():
    for lesson in LESSONS.values():
        assert 2 <= len(lesson["options"]) <= 4, lesson["name"]
        for language in ("en", "zh"):
            assert "{" in lesson["happened"][language], lesson["name"]
        assert json.dumps(lesson)
