"""A comparison as strict JSON; docs/comparison-schema.md describes it, its schema checks it.

A number that is not finite is one of the strings "nan", "inf" and "-inf", as in every record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from lifesigns.evidence import Course
from lifesigns.records import Finding
from lifesigns.records import to_json as record_to_json
from lifesigns.report.comparison._comparison import Comparison, Side
from lifesigns.report.comparison.changes import Change
from lifesigns.report.comparison.curves import Pair
from lifesigns.report.comparison.divergence import Divergence
from lifesigns.report.comparison.ladder import Rung
from lifesigns.report.comparison.layers import Layer
from lifesigns.report.comparison.recordings import Difference
from lifesigns.report.comparison.words import headline, letter, located, not_compared
from lifesigns.report.page.columns import KEYS
from lifesigns.report.verdict import alarms

SCHEMA = {"name": "lifesigns-comparison", "version": 1}
"""The version grows when a reader of the old form would misread the new one."""


def to_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Comparisons with the same first run, as plain JSON values.

    Args:
        comparisons: One or more.
    """
    sides = [comparisons[0].first, *(comparison.other for comparison in comparisons)]
    plain: dict[str, Any] = record_to_json(
        {
            "schema": SCHEMA,
            "lifesigns": version("lifesigns"),
            "axis": comparisons[0].axis,
            "runs": tuple(_run(number, side) for number, side in enumerate(sides)),
            "new_alarms": any(comparison.has_new_alarms for comparison in comparisons),
            "comparisons": tuple(_comparison(i + 1, c) for i, c in enumerate(comparisons)),
        }
    )
    return plain


def _run(number: int, side: Side) -> dict[str, Any]:
    trace = side.trace
    return {
        "letter": letter(number),
        "name": side.name,
        "command": trace.info.command,
        "started": trace.info.started,
        "outcome": trace.info.outcome,
        "verdict": side.verdict,
        "ok": not alarms(side.findings),
        "steps": trace.steps,
        "recorded_steps": trace.recorded_steps,
        "overhead": trace.cost.overhead,
        "findings": side.findings,
    }


def _comparison(number: int, comparison: Comparison) -> dict[str, Any]:
    names = letter(0), letter(number)
    known = comparison.divergence
    return {
        "runs": (0, number),
        "verdict": headline(known, names),
        "identical": known.is_identical,
        "new_alarms": comparison.has_new_alarms,
        "divergence": _divergence(known, names),
        "not_compared": tuple(not_compared(comparison, names)),
        "findings": tuple(_change(comparison, change) for change in comparison.changes),
        "ladder": {
            "steps": comparison.ladder.steps,
            "columns": KEYS,
            "layers": tuple(_rung(rung) for rung in comparison.ladder.rungs),
        },
        "settings": tuple(
            {
                "group": setting.group,
                "name": setting.name,
                "same": setting.is_same,
                "values": (setting.first, setting.other),
            }
            for setting in comparison.settings
        ),
        "losses": tuple(_losses(pair) for pair in comparison.curves),
    }


def _divergence(known: Divergence, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "difference": difference_as_json(known.difference, names),
        "rounding": difference_as_json(known.rounding, names),
        "losses": known.losses,
        "equal_losses": known.equal_losses,
        "snapshots": known.snapshots,
        "longer": known.longer,
        "alone": known.alone,
    }


def difference_as_json(known: Difference | None, names: tuple[str, str]) -> dict[str, Any] | None:
    """Where two runs part, as plain values.

    Args:
        known: None where they do not.
        names: What the runs are called in its text.
    """
    if known is None:
        return None
    return {
        "text": located(known, names),
        "step": known.step,
        "stream": known.stream,
        "phase": known.phase.name.lower(),
        "place": known.place,
        "quantity": known.quantity,
        "unit": known.unit,
        "values": (known.first, known.other),
        "relative": known.relative,
    }


def _change(comparison: Comparison, change: Change) -> dict[str, Any]:
    finding = change.finding
    return {
        "change": change.word,
        "rule": finding.rule,
        "site": finding.site,
        "severity": finding.severity,
        "new_alarm": change.is_new_alarm,
        "indices": (
            _place(comparison.first.findings, change.first),
            _place(comparison.other.findings, change.other),
        ),
    }


def _place(findings: Sequence[Finding], finding: Finding | None) -> int | None:
    return next((i for i, one in enumerate(findings) if one is finding), None)


def _rung(rung: Rung) -> dict[str, Any]:
    return {"name": rung.name, "layers": (_layer(rung.first), _layer(rung.other))}


def _layer(layer: Layer | None) -> dict[str, Any] | None:
    return None if layer is None else dataclasses.asdict(layer)


def _losses(pair: Pair) -> dict[str, Any]:
    return {
        "stream": pair.stream,
        "courses": tuple(_course(course) for course in pair.courses),
        "windows": pair.windows,
        "samples": pair.samples,
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "steps": course.steps,
        "start": course.start,
        "end": course.end,
        "baseline": course.baseline,
        "nonfinite": course.nonfinite,
    }
