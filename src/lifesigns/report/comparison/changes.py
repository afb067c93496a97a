"""What was found in two runs: what went, what came, what stayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lifesigns.records import Finding, Severity, Trace


@dataclass(frozen=True)
class Change:
    """A finding of one run, with the same finding of the other where it has it."""

    first: Finding | None
    other: Finding | None

    @property
    def word(self) -> str:
        """`gone`, `new` or `same`."""
        if self.other is None:
            return "gone"
        return "new" if self.first is None else "same"

    @property
    def is_new_alarm(self) -> bool:
        """Whether the other run has an alarm where the first has none."""
        return _alarms(self.other) and not _alarms(self.first)

    @property
    def finding(self) -> Finding:
        """The finding as the other run has it; as the first has it where it is gone."""
        finding = self.other or self.first
        assert finding is not None
        return finding


def changes(
    first: Sequence[Finding], other: Sequence[Finding], traces: tuple[Trace, Trace]
) -> tuple[Change, ...]:
    """Findings gone, new and same, each sort in the order of its run.

    Two findings are the same if rule and place are. Where a place of the one network is not in the
    other, as after a layer was put in, its finding is matched by the rule alone.

    Args:
        first: Findings of the first run.
        other: Of the other.
        traces: Both runs, which tell the places of their networks.
    """
    same, left, came = _matched(first, other, lambda a, b: _place(a) == _place(b))
    common = _places(traces[0]) & _places(traces[1])
    moved, left, came = _matched(
        left, came, lambda a, b: a.rule == b.rule and not {a.site, b.site} & common
    )
    gone, new = (Change(f, None) for f in left), (Change(None, f) for f in came)
    return (*gone, *new, *same, *moved)


def _matched(
    ours: Iterable[Finding], theirs: Iterable[Finding], match: Callable[[Finding, Finding], bool]
) -> tuple[list[Change], list[Finding], list[Finding]]:
    """Pairs, each finding in one at the most, and what is left of both."""
    pairs, left, came = [], [], list(theirs)
    for one in ours:
        place = next((i for i, another in enumerate(came) if match(one, another)), None)
        if place is None:
            left.append(one)
        else:
            pairs.append(Change(one, came.pop(place)))
    return pairs, left, came


def _place(finding: Finding) -> tuple[str, str]:
    return finding.rule, finding.site


def _places(trace: Trace) -> set[str]:
    """The names of all sites and parameters, and what every run has."""
    return {"", "input", *_names(trace)}


def _names(trace: Trace) -> Iterator[str]:
    for graph in {id(s.graph): s.graph for s in trace.snapshots}.values():
        yield from (site.name for site in graph.sites)
    for snapshot in trace.snapshots:
        yield from (parameter.name for parameter in snapshot.parameters)


def _alarms(finding: Finding | None) -> bool:
    return finding is not None and finding.severity is not Severity.NOTE
