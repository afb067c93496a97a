import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from compared_runs import run, shot, side
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_sides import DEAD, DYING, HEALTHY

from lifesigns.records import Finding, RateCurve, Severity, Trace
from lifesigns.report.comparison import Side, compare
from lifesigns.report.comparison.as_json import to_json

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "comparison.schema.json").read_text(encoding="utf-8"))


def closed(schema):
    """The schema as it is held against our own output: no name that it does not know."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    return {"additionalProperties": False, **parts} if "properties" in schema else parts


CHECK = jsonschema.Draft202012Validator(closed(SCHEMA))


def whole(trace):
    """A trace from hypothesis without what has to fit together: its graphs and rates."""
    return replace(trace, rates=RateCurve(), snapshots=())


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.from_type(Trace), st.lists(st.from_type(Finding), max_size=2)),
             min_size=2, max_size=3)
)  # fmt: skip
def test_every_comparison_is_strict_json_that_follows_the_schema(runs):
    sides = [Side(f"{i}.ls", whole(t), tuple(f)) for i, (t, f) in enumerate(runs)]

    made = to_json(compare(sides))

    assert json.loads(json.dumps(made, allow_nan=False)) == made
    CHECK.validate(made)


def test_a_comparison_of_recorded_runs_follows_the_schema():
    made = to_json(compare([HEALTHY, DYING, side(run(shot(3, update=0.5)))]))

    CHECK.validate(made)
    assert [c["runs"] for c in made["comparisons"]] == [[0, 1], [0, 2]]
    assert made["comparisons"][1]["ladder"]["layers"]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda c: c.pop("runs"),
        lambda c: c["runs"][0].update(extra=1),
        lambda c: c["comparisons"][0]["divergence"].update(losses="40"),
        lambda c: c["schema"].update(version=2),
    ],
)
def test_the_check_against_the_schema_sees_mistakes(break_it):
    made = to_json(compare([HEALTHY, DYING]))

    break_it(made)

    assert not CHECK.is_valid(made)


def test_findings_are_those_of_the_reports_schema():
    report = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))

    shared = ("number", "names", "interval", "finding")
    assert {name: SCHEMA["$defs"][name] for name in shared} == {
        name: report["$defs"][name] for name in shared
    }


def test_the_example_in_the_documentation_follows_the_schema():
    text = (DOCS / "comparison-schema.md").read_text(encoding="utf-8")

    CHECK.validate(json.loads(text.split("```json\n")[1].split("```")[0]))


def test_a_change_points_to_the_findings_of_both_runs():
    made = to_json(compare([DYING, HEALTHY]))

    (change,) = made["comparisons"][0]["findings"]
    assert (change["change"], change["indices"], change["new_alarm"]) == ("gone", [0, None], False)
    assert made["runs"][0]["findings"][change["indices"][0]]["rule"] == DEAD.rule


@pytest.mark.parametrize(
    ("first", "other", "new"), [(HEALTHY, DYING, True), (DYING, HEALTHY, False)]
)
def test_new_alarms_are_told_for_scripts(first, other, new):
    assert DEAD.severity is Severity.WARNING
    assert to_json(compare([first, other]))["new_alarms"] is new
