"""Two runs, and everything that is said of both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lifesigns.records import Finding, Trace
from lifesigns.report.comparison.changes import Change, changes
from lifesigns.report.comparison.curves import Pair, curves
from lifesigns.report.comparison.divergence import Divergence, divergence
from lifesigns.report.comparison.ladder import Ladder, ladder
from lifesigns.report.comparison.settings import Setting, settings
from lifesigns.report.verdict import verdict


@dataclass(frozen=True, eq=False)
class Side:
    """A run that is compared."""

    name: str
    """What its user calls it: the path of its file."""
    trace: Trace
    findings: tuple[Finding, ...]
    """Most important first, as `judge` returns them; of all sides by the same rules."""

    @cached_property
    def verdict(self) -> str:
        """What the report on the run says of it in one line."""
        return verdict(self.trace, self.findings)


@dataclass(frozen=True)
class Comparison:
    """One run against the first."""

    first: Side
    other: Side
    axis: str
    """What losses are aligned by: `step` or `samples`."""
    divergence: Divergence
    changes: tuple[Change, ...]
    ladder: Ladder
    settings: tuple[Setting, ...]
    curves: tuple[Pair, ...]

    @property
    def has_new_alarms(self) -> bool:
        """Whether the other run has an alarm that the first has not."""
        return any(change.is_new_alarm for change in self.changes)


def compare(sides: Sequence[Side], axis: str = "step") -> tuple[Comparison, ...]:
    """Each run against the first.

    Args:
        sides: Two or more.
        axis: What losses are aligned by: `step` or `samples`.

    Raises:
        UsageError: Samples are asked for, and it is not known how many a step has.
    """
    return tuple(_compared(sides[0], other, axis) for other in sides[1:])


def _compared(first: Side, other: Side, axis: str) -> Comparison:
    traces = first.trace, other.trace
    return Comparison(
        first,
        other,
        axis,
        divergence=divergence(*traces),
        changes=changes(first.findings, other.findings, traces),
        ladder=ladder(*traces),
        settings=settings(*traces),
        curves=curves(*traces, axis),
    )
