"""Healthy programs, however unusual: they learn, and lifesigns leaves them alone."""

from pathlib import Path

import healthy
import pytest
from listing import page
from program import programs_of
from watched import watched

PROGRAMS = programs_of(healthy)

ALARMED_TODAY: dict[str, str] = {}
"""Programs that a rule still takes for faulty: the rule, and why it is wrong."""


def marks(program):
    yield pytest.mark.sampled(program.name, {program.kind})
    if reason := ALARMED_TODAY.get(program.name):
        yield pytest.mark.xfail(reason=reason, raises=AssertionError)


@pytest.mark.parametrize(
    "program", [pytest.param(p, id=p.name, marks=[*marks(p)]) for p in PROGRAMS]
)
def test_a_program_that_learns_gets_no_warning_and_no_error(program):
    value, report = watched(program)

    if not program.learnt(value):
        pytest.fail(f"it does not learn: {program.measure} is {value:.3g}, {program.goal}")
    assert report.ok, report


def test_there_are_at_least_forty_and_each_says_what_is_unusual():
    assert len(PROGRAMS) >= 40
    assert [p.name for p in PROGRAMS if len(p.story) < 40] == []
    assert len({p.name for p in PROGRAMS}) == len(PROGRAMS)


def test_only_programs_that_exist_are_excused():
    assert set(ALARMED_TODAY) <= {p.name for p in PROGRAMS}


def test_the_documentation_lists_them(request):
    document = Path(__file__).parents[2] / "docs/healthy.md"
    if request.config.getoption("--overwrite"):
        document.write_text(page(PROGRAMS), encoding="utf-8")

    assert document.read_text(encoding="utf-8") == page(PROGRAMS)
