"""SARIF 2.1.0: the parts every reader needs, as its schema demands them."""

import dataclasses
import json

import pytest

from lifesigns.records import RunInfo
from lifesigns.report import Report
from lifesigns.report.sarif import to_sarif
from lifesigns.rules import find_rule, judge

LEVELS = {"none", "note", "warning", "error"}


def sarif_of(command="src/train.py --lr 1"):
    rule = find_rule("dead-units")
    trace = next(c for c in rule.cases if c.fires).trace()
    trace = dataclasses.replace(trace, info=RunInfo(command=command, outcome="finished"))
    findings = judge(trace)
    return findings, json.loads(json.dumps(to_sarif(trace, findings), allow_nan=False))


def test_a_result_for_each_finding_points_to_its_rule():
    findings, document = sarif_of()

    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert document["version"] == "2.1.0"
    assert len(run["results"]) == len(findings)
    for result, finding in zip(run["results"], findings, strict=True):
        assert result["level"] in LEVELS
        assert result["message"]["text"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.code
        assert result["properties"]["step"] == finding.step


def test_every_rule_has_its_texts():
    _, document = sarif_of()

    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        assert {"id", "name", "shortDescription", "fullDescription", "help"} <= set(rule)
        assert rule["name"].isalnum()


@pytest.mark.parametrize(
    ("command", "uri"),
    [
        ("src/train.py --lr 1", "src/train.py"),
        ("/abs/train.py", None),
        ("-m train", None),
        ("", None),
    ],
)
def test_the_script_is_a_relative_location_or_none(command, uri):
    _, document = sarif_of(command)

    location = document["runs"][0]["results"][0]["locations"][0]
    found = location.get("physicalLocation", {}).get("artifactLocation", {}).get("uri")
    assert found == uri
    assert location["logicalLocations"][0]["fullyQualifiedName"]


def test_a_report_writes_it_whole(tmp_path):
    rule = find_rule("dead-units")
    trace = next(c for c in rule.cases if c.fires).trace()

    Report(trace, judge(trace)).write_sarif(tmp_path / "r.sarif")

    assert json.loads((tmp_path / "r.sarif").read_text())["version"] == "2.1.0"
