import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_reports import CONSTANT, DEAD, FALLING, FINDINGS, INCOMPLETE, SYMMETRIC, run

from lifesigns._errors import LifesignsError
from lifesigns.records import Finding, Trace
from lifesigns.report import Report

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
    "number": (int, float),
}  # fmt: skip


def mismatches(value, schema=SCHEMA, place="report"):
    """Where `value` is not what `schema` says, by the part of JSON Schema that it uses.

    Stricter in one thing: a name that the schema does not know is a mismatch.
    """
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return min((mismatches(value, s, place) for s in schema["anyOf"]), key=len)
    if value not in schema.get("enum", [schema.get("const", value)]):
        return [f"{place}: {value!r}"]
    expected = TYPES.get(schema.get("type"), object)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        return [f"{place}: {value!r} is no {schema.get('type')}"]
    if isinstance(value, list):
        inner = [(item, schema["items"], f"{place}[{i}]") for i, item in enumerate(value)]
    elif isinstance(value, dict):
        missing = [
            f"{place}: no {name}" for name in schema.get("required", ()) if name not in value
        ]
        known = schema.get("properties", {})
        other = schema.get("additionalProperties", {"enum": [], "title": "unknown"})
        inner = [(v, known.get(k, other), f"{place}.{k}") for k, v in value.items()]
        return missing + [m for each in inner for m in mismatches(*each)]
    else:
        return []
    return [m for each in inner for m in mismatches(*each)]


@pytest.mark.parametrize(
    ("break_it", "found"),
    [
        (lambda r: r.pop("findings"), "report: no findings"),
        (lambda r: r.update(steps="600"), "report.steps: '600' is no integer"),
        (lambda r: r.update(overhead="huge"), "report.overhead: 'huge'"),
        (lambda r: r["findings"][0].update(severity="fatal"), "report.findings[0].severity"),
        (lambda r: r.update(extra=1), "report.extra: 1"),
        (lambda r: r["schema"].update(version=2), "report.schema.version: 2"),
    ],
)
def test_the_check_against_the_schema_sees_mistakes(break_it, found):
    report = Report(run(FALLING), FINDINGS).to_json()

    break_it(report)

    (mismatch,) = mismatches(report)
    assert mismatch.startswith(found)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(Trace), st.lists(st.from_type(Finding), max_size=3))
def test_every_report_is_strict_json_that_follows_the_schema(trace, findings):
    report = Report(trace, tuple(findings)).to_json()

    text = json.dumps(report, allow_nan=False)

    assert json.loads(text) == report
    assert mismatches(report) == []


def test_the_example_in_the_documentation_follows_the_schema():
    text = (DOCS / "report-schema.md").read_text(encoding="utf-8")

    example = json.loads(text.split("```json\n")[1].split("```")[0])

    assert mismatches(example) == []


def test_the_json_is_as_it_was_approved(golden):
    report = Report(INCOMPLETE, FINDINGS).to_json() | {"lifesigns": "VERSION"}

    golden("report.json", json.dumps(report, indent=2) + "\n")


def test_what_the_scoring_of_cases_reads_is_there():
    report = Report(run(FALLING), FINDINGS).to_json()

    first = report["findings"][0]
    assert (first["rule"], first["code"], first["severity"]) == (
        "symmetric-units",
        "INI001",
        "error",
    )
    assert (first["causes"], first["site"], first["step"]) == (["bad_init"], "0:linear#0", 0)
    assert (report["steps"], report["recorded_steps"], report["overhead"]) == (600, 3, 0.008)


def test_findings_keep_their_order_and_numbers_that_are_not_finite_are_words():
    report = Report(INCOMPLETE, (CONSTANT, SYMMETRIC)).to_json()

    assert [f["code"] for f in report["findings"]] == ["DAT002", "INI001"]
    assert report["findings"][1]["evidence"]["gap"] == "inf"
    assert report["losses"][0]["last"] == "nan"
    assert report["losses"][0]["nonfinite"] == 1


@pytest.mark.parametrize(("findings", "ok"), [((), True), ((CONSTANT,), True), ((DEAD,), False)])
def test_notes_are_no_alarm(findings, ok):
    report = Report(run(FALLING), findings)

    assert report.ok is ok
    assert report.to_json()["ok"] is ok


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("the old one", encoding="utf-8")
    report = Report(run(FALLING), FINDINGS)

    report.write_json(path)

    assert json.loads(path.read_text(encoding="utf-8")) == report.to_json()
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    path.write_text("the old one", encoding="utf-8")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(
        LifesignsError, match=r"report\.json could not be written: No space left on device"
    ):
        Report(run(FALLING), ()).write_json(path)
    assert path.read_text(encoding="utf-8") == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_named(tmp_path):
    path = tmp_path / "missing" / "report.json"

    with pytest.raises(LifesignsError, match=r"missing does not exist"):
        Report(run(FALLING), ()).write_json(path)


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.touch()
    link.symlink_to(target)

    Report(run(FALLING), ()).write_json(link)

    assert link.is_symlink()
    assert json.loads(target.read_text(encoding="utf-8"))["steps"] == 600
