"""Faulty programs and their cures: the fault is found and named, the cure is left alone.

A cause counts as named when it is among the causes of one of the first three alarms, or of the
first alarm where the program says so: the count of `scripts/score`.
"""

import alarms
import faulty
import pytest
from program import programs_of
from watched import watched

from lifesigns.rules._rule import CAUSES

PROGRAMS = programs_of(faulty)
KNOWN_ALARMS = alarms.read()

NOT_FOUND_TODAY = {
    "forgotten_start": "vanishing-gradient: the time steps of one recurrence are not seen",
    "policy_descends_its_reward": "no rule: from its loss it is a policy that descends a cost",
}
"""Programs whose fault no rule sees yet."""

MISNAMED_TODAY = {
    "average_written_over_the_network": "labels-unrelated: weights put back after a step",
    "half_precision_overflow": "non-finite-origin: an infinity that a division makes 0 is not seen",
}
"""Programs whose fault is found and put down to another cause."""


def each(excused=()):
    return [pytest.param(p, id=p.name, marks=[*marks(p, excused)]) for p in PROGRAMS]


def marks(program, excused):
    yield pytest.mark.sampled(program.name, KNOWN_ALARMS.get(program.name, ()))
    if program.name in excused:
        yield pytest.mark.xfail(reason=excused[program.name], raises=AssertionError)


@pytest.mark.parametrize("program", each(NOT_FOUND_TODAY))
def test_the_fault_is_found_by_the_rule_that_led_before(program, request):
    value, report = watched(program)
    found = [*dict.fromkeys(f.rule for f in report.findings if f.severity.value != "note")]
    if request.config.getoption("--overwrite"):
        alarms.write(program.name, found)

    if program.learnt(value):
        pytest.fail(f"it learns all the same: {program.measure} is {value:.3g}, {program.goal}")
    assert not report.ok, report
    assert alarms.read()[program.name][0] in found, report


@pytest.mark.parametrize("program", each(NOT_FOUND_TODAY | MISNAMED_TODAY))
def test_its_cause_is_named(program):
    _, report = watched(program)

    alarms = [set(f.causes) for f in report.findings if f.severity.value != "note"]
    named = set().union(*alarms[: 1 if program.leads else 3])

    assert named & set(program.causes), report


@pytest.mark.parametrize("program", each())
def test_the_cure_learns_and_is_left_alone(program):
    value, report = watched(program, fixed=True)

    if not program.learnt(value):
        pytest.fail(f"it is no cure: {program.measure} is {value:.3g}, {program.goal}")
    assert report.ok, report


def test_each_says_what_is_wrong_in_words_that_rules_use():
    assert [p.name for p in PROGRAMS if len(p.story) < 40] == []
    assert [p.name for p in PROGRAMS if not set(p.causes) or set(p.causes) - CAUSES] == []
    assert len({p.name for p in PROGRAMS}) == len(PROGRAMS)


def test_only_programs_that_exist_are_excused():
    assert set(NOT_FOUND_TODAY | MISNAMED_TODAY) <= {p.name for p in PROGRAMS}
