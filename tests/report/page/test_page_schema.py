"""docs/page-document.md, docs/page-document.schema.json and what is written agree."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_runs import dying

from lifesigns.records import Finding, LossCurve, RunInfo, Trace
from lifesigns.report.page import document
from lifesigns.rules import judge

jsonschema = pytest.importorskip("jsonschema")
referencing = pytest.importorskip("referencing")

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA, REPORT = (
    json.loads((DOCS / name).read_text(encoding="utf-8"))
    for name in ("page-document.schema.json", "report.schema.json")
)


def closed(schema):
    """Stricter in one thing: a name that the schema does not know is a mismatch."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    other = {"additionalProperties": False} if schema.get("type") == "object" else {}
    return other | {key: closed(value) for key, value in schema.items()}


RESOURCES = referencing.Registry().with_resource(
    "report.schema.json", referencing.Resource.from_contents(closed(REPORT))
)
CHECK = jsonschema.Draft202012Validator(closed(SCHEMA), registry=RESOURCES)


def mismatches(made):
    return [f"{error.json_path}: {error.message}" for error in CHECK.iter_errors(made)]


def sick():
    trace = dying(steps=60, at=0)
    return document(trace, judge(trace))


def test_a_document_follows_the_schema():
    assert mismatches(sick()) == []


@pytest.mark.parametrize(
    ("break_it", "place"),
    [
        (lambda d: d.pop("layers"), "$"),
        (lambda d: d.update(extra=1), "$"),
        (lambda d: d["layers"][0].update(units="64"), "$.layers[0].units"),
        (lambda d: d["maps"][0]["active"].update(dtype="float64"), "$.maps[0].active.dtype"),
        (lambda d: d["report"].update(ok=1), "$.report.ok"),
        (lambda d: d["run"].update(status="dead"), "$.run.status"),
    ],
)
def test_the_check_against_the_schema_sees_mistakes(break_it, place):
    made = sick()

    break_it(made)

    (mismatch,) = mismatches(made)
    assert mismatch.startswith(f"{place}: ")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(LossCurve), st.from_type(RunInfo), st.lists(st.from_type(Finding), max_size=3))
def test_any_losses_and_any_findings_make_a_document(losses, info, findings):
    made = document(Trace(losses=losses, info=info), findings)

    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert mismatches(made) == []


def test_the_description_names_all_there_is():
    text = (DOCS / "page-document.md").read_text(encoding="utf-8")

    parts = [SCHEMA, *SCHEMA["$defs"].values(), SCHEMA["properties"]["run"]]
    names = {name for part in parts for name in part.get("properties", ())}

    assert {name for name in names if f'"{name}"' not in text and f"`{name}`" not in text} == set()
