"""The report in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.records import Finding, Severity, Trace
from lifesigns.report.curve import Curve, curves


def verdict(trace: Trace, findings: Sequence[Finding]) -> str:
    """What can be said of this run, the most important first.

    "learns" is said only of a loss that fell; silence alone is no proof of learning.

    Example:
        >>> verdict(Trace(), ())
        'no training step was seen: nothing can be said'
    """
    counts = {s: [f.severity for f in findings].count(s) for s in Severity}
    kinds = [counted(number, s.value) for s, number in counts.items() if number]
    if counts[Severity.ERROR]:
        return f"cannot learn as it stands: {', '.join(kinds)}"
    if counts[Severity.WARNING]:
        return f"learns worse than it could: {', '.join(kinds)}"
    if not trace.snapshots:
        return f"{_unseen(trace)}: nothing can be said"
    return ", ".join([_silent(curves(trace)), *kinds])


def alarms(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are more than notes."""
    return [finding for finding in findings if finding.severity is not Severity.NOTE]


def counted(number: int, word: str) -> str:
    """The number with its word, in the plural where it takes one.

    Example:
        >>> counted(1, "error"), counted(2, "backward pass")
        ('1 error', '2 backward passes')
    """
    plural = "es" if word.endswith("s") else "s"
    return f"{number} {word}" + ("" if number == 1 else plural)


def _unseen(trace: Trace) -> str:
    how = trace.info.outcome.partition(":")[0]
    if how in ("interrupted", "failed") or how.startswith("ended by "):
        return f"{how} before a step was recorded"
    return "no training step could be recorded" if trace.steps else "no training step was seen"


def _silent(losses: Sequence[Curve]) -> str:
    if any(curve.nonfinite for curve in losses):
        return "nothing found, but the loss is not always finite"
    if not losses or not all(curve.long_enough for curve in losses):
        return "nothing found, in too few steps to see it learn"
    if all(curve.fell for curve in losses):
        return "learns: nothing found"
    return "nothing found, but the loss did not clearly fall"
