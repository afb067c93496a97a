"""The last recorded step of two runs, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lifesigns.records import Trace
from lifesigns.report.comparison.layers import Layer, layers
from lifesigns.report.page.columns import COLUMNS


@dataclass(frozen=True)
class Rung:
    """A layer of one run with the same layer of the other; None where it has none."""

    first: Layer | None
    other: Layer | None

    @property
    def name(self) -> str:
        """What the first run calls it, or the other where only that has it."""
        layer = self.first or self.other
        assert layer is not None
        return layer.name

    @property
    def distance(self) -> float:
        """How far its numbers are apart: the largest distance of a column, 0 for equal ones."""
        if self.first is None or self.other is None:
            return float("inf")
        pairs = zip(COLUMNS, self.first.numbers, self.other.numbers, strict=True)
        return max(apart(a, b, in_decades=column.logarithmic) for column, a, b in pairs)


def apart(first: float, other: float, *, in_decades: bool) -> float:
    """How far two values are apart; infinitely where only one was measured.

    Args:
        first: NaN where it was not measured.
        other: Likewise.
        in_decades: Whether by their sizes, in powers of ten, instead of by their difference.

    Example:
        >>> apart(0.1, 0.001, in_decades=True), apart(0.0, 0.5, in_decades=False)
        (2.0, 0.5)
    """
    if first == other or (math.isnan(first) and math.isnan(other)):
        return 0.0
    if math.isnan(first) or math.isnan(other):
        return math.inf
    low, high = sorted((abs(first), abs(other)))
    if in_decades:
        return math.log10(high) - math.log10(low) if low > 0 else math.inf
    return high - low


@dataclass(frozen=True)
class Ladder:
    """The layers of both runs, in the order of the forward pass, at their last recorded steps."""

    steps: tuple[int, int]
    """Those steps; -1 where none was recorded."""
    rungs: tuple[Rung, ...]


def ladder(first: Trace, other: Trace) -> Ladder:
    """The layers of both runs, matched by name, what is left by order and kind.

    Args:
        first: Its last recorded step of each loss counts.
        other: Likewise.
    """
    ours, theirs = layers(first), layers(other)
    matched = _by_name(ours, theirs)
    matched |= dict(_by_kind(ours, theirs, matched))
    steps = tuple(max((s.step for s in t.snapshots), default=-1) for t in (first, other))
    return Ladder((steps[0], steps[1]), tuple(_merged(ours, theirs, matched)))


def _by_name(ours: Sequence[Layer], theirs: Sequence[Layer]) -> dict[int, int]:
    """Place in one list → place in the other."""
    places = {(layer.name, layer.kind): place for place, layer in enumerate(theirs)}
    named = ((i, places.get((layer.name, layer.kind))) for i, layer in enumerate(ours))
    return {i: place for i, place in named if place is not None}


def _by_kind(
    ours: Sequence[Layer], theirs: Sequence[Layer], matched: dict[int, int]
) -> Iterator[tuple[int, int]]:
    """Those of one kind in their order, between the same neighbours that have been matched."""
    taken = set(matched.values())
    free = [place for place in range(len(theirs)) if place not in taken]
    for i, layer in enumerate(ours):
        if i in matched:
            continue
        low = max((matched[k] for k in matched if k < i), default=-1)
        high = min((matched[k] for k in matched if k > i), default=len(theirs))
        fits = (p for p in free if low < p < high and theirs[p].kind == layer.kind)
        place = next(fits, None)
        if place is not None:
            free = [p for p in free if p > place]
            yield i, place


def _merged(
    ours: Sequence[Layer], theirs: Sequence[Layer], matched: dict[int, int]
) -> Iterator[Rung]:
    """All layers of both in one order: that of the first run, with what only the other has."""
    left, taken = 0, set(matched.values())
    for i, layer in enumerate(ours):
        place = matched.get(i)
        if place is not None:
            yield from (Rung(None, theirs[p]) for p in range(left, place) if p not in taken)
            left = max(left, place + 1)
        yield Rung(layer, None if place is None else theirs[place])
    yield from (Rung(None, theirs[p]) for p in range(left, len(theirs)) if p not in taken)
