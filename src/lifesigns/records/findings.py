"""What a rule concludes, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum


class Severity(str, Enum):
    """How much a finding matters; `note` is never an alarm."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Remedy:
    """One thing to do about a finding."""

    text: str
    code: str = ""
    """Python the user would write; empty if there is none to show."""
    edit: str = ""
    """The edit in `lifesigns.remedies` that does it, e.g. `scale-rate`; empty if only the user
    can."""


@dataclass(frozen=True)
class Finding:
    """Symptom, place, evidence, reason, remedies."""

    rule: str
    """The rule's name, e.g. `dead-units`."""
    code: str
    severity: Severity
    symptom: str
    """One line: what is wrong, with the numbers that matter."""
    site: str
    """Where: a site name, a parameter name, `input`, or `` for the whole run."""
    step: int
    """First step at which it was seen."""
    measured: str
    expected: str
    certainty: str
    why: str
    """Two sentences that teach."""
    causes: tuple[str, ...] = ()
    """Most probable first, in the words of the cause vocabulary."""
    remedies: tuple[Remedy, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of numbers in `evidence`, by their names: where they lie among all samples, at 95 %
    confidence. A number without one is what the recorded steps showed."""
    explained_by: str = ""
    """The rule whose finding is the root cause of this one; empty for a root cause itself."""


def grouped(findings: Iterable[Finding]) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """Root causes in the order given, each with the findings it explains.

    A finding whose root cause is not among the findings, because it was ignored, stands for itself.

    Args:
        findings: Most important first, as `judge` returns them.
    """
    findings = tuple(findings)
    leading = {f.rule for f in findings if not f.explained_by}
    roots = [f for f in findings if f.explained_by not in leading]
    first = {root.rule: root for root in reversed(roots)}
    return [
        (root, tuple(f for f in findings if first.get(f.explained_by) is root)) for root in roots
    ]
