"""The layers of a run at its last recorded step, as the page's ladder shows them.

A layer is a weighted site with the first activation or softmax that reads it through nothing but
normalisation, dropout and pooling.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lifesigns.evidence.sites import is_rectifier
from lifesigns.records import WEIGHTED, Graph, Kind, Snapshot, Trace, UnitSums

THROUGH = frozenset({Kind.NORM, Kind.DROPOUT, Kind.POOLING})
"""Kinds through which a layer leads to its activation."""
BENDS = frozenset({Kind.ACTIVATION, Kind.SOFTMAX})
LAYERED = WEIGHTED | {Kind.EMBEDDING}


@dataclass(frozen=True)
class Column:
    """A number of a layer."""

    key: str
    is_share: bool

    def distance(self, first: float, other: float) -> float:
        """How far two values are apart: shares by their difference, sizes in powers of ten.

        Args:
            first: NaN where it was not measured.
            other: Likewise.
        """
        if first == other or (math.isnan(first) and math.isnan(other)):
            return 0.0
        if math.isnan(first) or math.isnan(other):
            return math.inf
        if self.is_share:
            return abs(first - other)
        low, high = sorted((abs(first), abs(other)))
        return math.log10(high / low) if low > 0 and math.isfinite(high) else math.inf


COLUMNS = (
    Column("size", False),
    Column("dead", True),
    Column("saturated", True),
    Column("slope", False),
    Column("gradient", False),
    Column("update", False),
)


@dataclass(frozen=True)
class Layer:
    """A layer and its numbers."""

    name: str
    """Of its weighted site."""
    activation: str
    kind: str
    numbers: tuple[float, ...]
    """In the order of `COLUMNS`; NaN where it was not measured."""


def layers(trace: Trace) -> list[Layer]:
    """The layers of each loss of a run at the last step that was recorded of it.

    Args:
        trace: Without snapshots there are none.
    """
    found: dict[str, Layer] = {}
    for stream in trace.recorded_streams:
        for layer in _layers(trace.stream(stream)[-1]):
            found.setdefault(layer.name, layer)
    return list(found.values())


def _layers(snapshot: Snapshot) -> Iterator[Layer]:
    graph = snapshot.graph
    for index in graph.of_kind(*LAYERED):
        site, bend = graph.sites[index], _bend(graph, index)
        activation = "" if bend is None else graph.sites[bend].operation
        numbers = (*_of_values(snapshot, bend), *_of_weight(snapshot, site.parameters[:1]))
        yield Layer(site.name, activation, site.kind.value, numbers)


def _bend(graph: Graph, index: int) -> int | None:
    after = graph.successors(index)
    while len(after) == 1 and graph.sites[after[0]].kind in THROUGH:
        after = graph.successors(after[0])
    return next((i for i in after if graph.sites[i].kind in BENDS), None)


def _of_values(snapshot: Snapshot, bend: int | None) -> tuple[float, ...]:
    """Size, dead, saturated, slope."""
    reading = None if bend is None else snapshot.reading(bend)
    if reading is None or bend is None:
        return (math.nan,) * 4
    value, rectifies = reading.value, is_rectifier(snapshot.graph.sites[bend])
    if value is None:
        return (*(math.nan,) * 3, reading.derivative_factor)
    saturated = math.nan if rectifies else _share(value)
    return value.rms, float((value.active == 0).mean()), saturated, reading.derivative_factor


def _share(value: UnitSums) -> float:
    count = value.count.sum()
    return float(value.saturated.sum() / count) if count else math.nan


def _of_weight(snapshot: Snapshot, names: tuple[str, ...]) -> tuple[float, float]:
    weight = snapshot.parameter(names[0]) if names else None
    return (math.nan, math.nan) if weight is None else (weight.gradient_rms, weight.update_ratio)
