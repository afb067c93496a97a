"""The report as strict JSON; docs/report-schema.md describes it, docs/report.schema.json checks it.

A number that is not finite is one of the strings "nan", "inf" and "-inf", as in every record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from lifesigns.records import Finding, Trace
from lifesigns.records import to_json as record_to_json
from lifesigns.report.coverage import Unseen
from lifesigns.report.curve import Curve, curves
from lifesigns.report.verdict import alarms, verdict

SCHEMA = {"name": "lifesigns-report", "version": 1}
"""The version grows when a reader of the old form would misread the new one."""


def to_json(
    trace: Trace, findings: Sequence[Finding], ignored: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """The report as plain JSON values.

    Args:
        trace: What was recorded.
        findings: Most important first.
        ignored: How many findings of each rule were set aside; None for none.
    """
    report: dict[str, Any] = record_to_json(
        {
            "schema": SCHEMA,
            "lifesigns": version("lifesigns"),
            "command": trace.info.command,
            "started": trace.info.started,
            "versions": trace.info.versions,
            "outcome": trace.info.outcome,
            "verdict": verdict(trace, findings),
            "ok": not alarms(findings),
            "findings": tuple(findings),
            "ignored": dict(ignored or {}),
            "steps": trace.steps,
            "recorded_steps": trace.recorded_steps,
            "overhead": trace.cost.overhead,
            "cost": trace.cost,
            "losses": tuple(_summary(curve) for curve in curves(trace)),
            "optimizers": trace.optimizers,
            "coverage": Unseen.of(trace),
        }
    )
    return report


def to_text(report: dict[str, Any]) -> str:
    """The text of a JSON file.

    Args:
        report: What `to_json` returns.

    Returns:
        ASCII, indented, with a line feed at its end.

    Raises:
        ValueError: A number is NaN or infinite, which JSON does not know.
    """
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


def _summary(curve: Curve) -> dict[str, Any]:
    return {
        "stream": curve.stream,
        "steps": len(curve.values),
        "first": curve.first,
        "last": curve.last,
        "lowest": curve.lowest,
        "nonfinite": curve.nonfinite,
    }
