"""The report in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Course, Run
from lifesigns.records import Finding, Severity, Trace


def verdict(trace: Trace, findings: Sequence[Finding]) -> str:
    """What can be said of this run, the most important first.

    "learns" is said only where every loss `learned`, by the course that the rules judge by; silence
    alone is no proof of learning.

    Args:
        trace: Of any length, or empty.
        findings: All that count, notes included.

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
    return ", ".join([_silent([stream.course for stream in Run.of(trace).losses]), *kinds])


def alarms(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are more than notes.

    Args:
        findings: In any order, which is kept.
    """
    return [finding for finding in findings if finding.severity is not Severity.NOTE]


def counted(number: int, word: str) -> str:
    """The number with its word, in the plural where it takes one.

    Args:
        number: 0 and more.
        word: An English noun in the singular whose plural ends in -s or -es.

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


def _silent(courses: Sequence[Course]) -> str:
    if any(course.nonfinite for course in courses):
        return "nothing found, but the loss is not always finite"
    if not courses or not all(course.judged for course in courses):
        return "nothing found, in too few steps to see it learn"
    if all(course.learned for course in courses):
        return "learns: nothing found"
    if all(course.learned or course.falling for course in courses):
        return "nothing found, and the loss still falls, but nothing is clearly learned yet"
    return "nothing found, but the loss did not clearly fall"
