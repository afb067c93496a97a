"""The report as SARIF 2.1.0, the form in which CI systems show findings beside the code.

A finding belongs to a place in the network, not to a line: its site is a logical location, the
script an artifact location relative to the folder the run was started in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from lifesigns.records import Finding, Severity, Trace
from lifesigns.records import to_json as record_to_json
from lifesigns.report.language import Language
from lifesigns.report.sentences import findings_in
from lifesigns.report.wording import sentences, worded
from lifesigns.rules import Rule, all_rules

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
SARIF_NAME = {Language.ENGLISH: "en-US", Language.CHINESE: "zh-CN"}
LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def to_sarif(trace: Trace, findings: Sequence[Finding]) -> dict[str, Any]:
    """One SARIF run: the rules that found something, and a result for each finding.

    Its texts are in the language that was asked for; what a program reads is the same in each.

    Args:
        trace: Tells the command and how the run ended.
        findings: Most important first.

    Returns:
        SARIF 2.1.0 as plain JSON values.
    """
    found = {finding.code for finding in findings}
    rules = [rule for rule in all_rules() if rule.code in found]
    indices = {rule.code: index for index, rule in enumerate(rules)}
    script = script_of(trace.info.command)
    language = Language.asked()
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lifesigns",
                        "version": version("lifesigns"),
                        "rules": [_rule(rule, language) for rule in rules],
                    }
                },
                "language": SARIF_NAME[language],
                "invocations": [
                    {
                        "executionSuccessful": not trace.info.outcome.startswith("failed"),
                        "commandLine": trace.info.command,
                    }
                ],
                "results": [
                    _result(finding, indices.get(finding.code), script, language)
                    for finding in findings_in(language, findings)
                ],
            }
        ],
    }


def _rule(rule: Rule, language: Language) -> dict[str, Any]:
    words = worded(rule, (), language)
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": words.title},
        "fullDescription": {"text": words.why},
        "help": {"text": f"lifesigns explain {rule.code}"},
    }


def _result(finding: Finding, rule: int | None, script: str, language: Language) -> dict[str, Any]:
    advice = [remedy.text for remedy in finding.remedies[:1]]
    result: dict[str, Any] = {
        "ruleId": finding.code or finding.rule,
        "level": LEVEL[finding.severity],
        "message": {"text": sentences(language, finding.symptom, finding.why, *advice)},
        "locations": [_location(finding.site, script)],
        "properties": record_to_json(
            {
                "step": finding.step,
                "measured": finding.measured,
                "expected": finding.expected,
                "certainty": finding.certainty,
                "causes": finding.causes,
                "explainedBy": finding.explained_by,
            }
        ),
    }
    if rule is not None:
        result["ruleIndex"] = rule
    return result


def _location(site: str, script: str) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": site or "the whole run", "kind": "member"}]
    }
    if script:
        location["physicalLocation"] = {"artifactLocation": {"uri": script}}
    return location


def script_of(command: str) -> str:
    """The script's path as a URI relative to this folder; empty for modules and paths elsewhere.

    Args:
        command: Begins with it, or with `FILE:FACTORY`.

    Example:
        >>> script_of("src/train.py --fast"), script_of("src/model.py:make")
        ('src/train.py', 'src/model.py')
    """
    path = PurePath(re.sub(r"\.py:\w+$", ".py", command.split(" ")[0]))
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    relative = path.suffix == ".py" and not path.is_absolute() and ".." not in path.parts
    return path.as_posix() if relative else ""
