"""The report in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

import numpy as np

from lifesigns.evidence import Course, Run
from lifesigns.evidence.course_in_words import length
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import JUDGED, PATIENCE, WEAK
from lifesigns.records import Finding, Severity, Trace


def verdict(trace: Trace, findings: Sequence[Finding]) -> str:
    """What can be said of this run, the most important first.

    "learns" is said only where every loss is clearly below that of a constant prediction, by the
    course that the rules judge by. Silence is no proof of learning, nor is a fall from a level that
    means nothing: it is said what would tell.

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
    courses = [stream.course for stream in Run.of(trace).losses]
    if counts[Severity.WARNING]:
        learns = courses and all(course.is_below_constant for course in courses)
        how = "learns worse than it could" if learns else "may not learn as it stands"
        return f"{how}: {', '.join(kinds)}"
    if not trace.snapshots:
        return f"{_unseen(trace)}: nothing can be said"
    return ", ".join([_silent(courses), *kinds])


def alarms(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are more than notes.

    Args:
        findings: In any order, which is kept.
    """
    return [finding for finding in findings if finding.severity is not Severity.NOTE]


def _unseen(trace: Trace) -> str:
    how = trace.info.outcome.partition(":")[0]
    if how in ("interrupted", "failed") or how.startswith("ended by "):
        return f"{how} before a step was recorded"
    return "no training step could be recorded" if trace.steps else "no training step was seen"


def _silent(courses: Sequence[Course]) -> str:
    """What is said of a run without an alarm: the worst that can be said of one of its losses."""
    worst = max(courses, key=_rank, default=Course(np.empty(0)))
    needed = f"{PATIENCE if worst.judged else JUDGED:g}"
    return _said(worst).value.format(
        length=length(worst), needed=needed, went=worst.direction, gain=f"{worst.gain:.0%}"
    )


class _Said(Enum):
    """What can be said of one loss, the best first."""

    LEARNS = "learns: nothing found"
    LITTLE = "learns little: {gain} better than a constant prediction, nothing found"
    FELL = "nothing found, and the loss fell: whether it learns, a held-out score would tell"
    FALLING = "nothing found, and the loss still falls, but nothing is clearly learned yet"
    OPPOSED = (
        "not known whether it learns: losses in turn may oppose each other; what they are for "
        "would tell"
    )
    SIGNED = (
        "not known whether it learns: the loss {went}, but it crosses 0; a reward or a held-out "
        "score would tell"
    )
    FEW = "too short to say whether it learns: {length} ({needed} would tell)"
    LEVEL = "nothing found, but the loss did not clearly fall"
    RELAPSED = "nothing found, but the loss gave back most of what it had gained"
    ROSE = "nothing found, but the loss rose"
    IMPOSSIBLE = (
        "not known whether it learns: this loss cannot be negative, and was; its targets or "
        "outputs are not what it takes"
    )
    NOT_FINITE = "nothing found, but the loss is not always finite"


def _rank(course: Course) -> int:
    return list(_Said).index(_said(course))


def _said(course: Course) -> _Said:
    if course.nonfinite:
        return _Said.NOT_FINITE
    if not course.judged:
        return _Said.FEW
    if course.impossible:
        return _Said.IMPOSSIBLE
    if course.crosses_zero and not course.is_below_constant:
        return _Said.SIGNED
    if course.learned:
        return _how_well(course)
    if course.opposed:
        return _Said.OPPOSED
    if course.arrives:
        return _Said.FALLING
    if course.relapsed:
        return _Said.RELAPSED
    if course.steps < PATIENCE:
        return _Said.FEW
    return _Said.ROSE if course.direction == "rose" else _Said.LEVEL


def _how_well(course: Course) -> _Said:
    if not course.is_below_constant:
        return _Said.FELL
    return _Said.LITTLE if course.gain < WEAK else _Said.LEARNS
