"""The rows of a page: every layer and parameter that some snapshot had, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import Graph, Snapshot
from lifesigns.report.page.layers import Layer, layers, members
from lifesigns.report.page.slopes import expected_slope

MOST_LAYERS, MOST_PARAMETERS = 512, 2048
"""Further ones are left out; a page of so many rows is not read."""
MOST_PLANS = 64
"""Graphs whose layers are remembered; usual runs have one or two."""


@dataclass(frozen=True)
class Row:
    """A layer as it was first seen."""

    layer: Layer
    stream: int
    slope: float | None
    """σ′ to expect."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The layers of one graph."""

    graph: Graph
    """Held, so that no other graph can have its identity."""
    layers: tuple[Layer, ...]
    rounds: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    """Places in `layers` with the rows they belong to; in each round every row once."""


class Layout:
    """Which row each layer and each parameter has, in the order of their appearance."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.order: list[str] = []
        """Keys of the rows in forward order."""
        self.parameters: dict[str, int] = {}
        self.owners: dict[str, str] = {}
        """Key of the layer that each site and each parameter belongs to."""
        self._plans: dict[int, Plan] = {}

    @property
    def number(self) -> int:
        """Grows with every layer and every parameter."""
        return len(self.rows) + len(self.parameters)

    @property
    def forward(self) -> list[int]:
        """The rows in forward order, as the document lists them."""
        numbers = {key: row for row, key in enumerate(self.rows)}
        return [numbers[key] for key in self.order]

    def plan(self, snapshot: Snapshot) -> Plan:
        """The layers of a snapshot's graph; new ones get a row.

        Args:
            snapshot: Of one step.
        """
        graph = snapshot.graph
        known = self._plans.get(id(graph))
        if known is None:
            known = self._plans[id(graph)] = self._planned(snapshot)
            if len(self._plans) > MOST_PLANS:
                del self._plans[next(iter(self._plans))]
        return known

    def parameter_rows(self, snapshot: Snapshot) -> list[int]:
        """The row of each parameter that was read, -1 for those left out.

        Args:
            snapshot: Of one step.
        """
        rows = self.parameters
        for reading in snapshot.parameters:
            if reading.name not in rows and len(rows) < MOST_PARAMETERS:
                rows[reading.name] = len(rows)
        return [rows.get(reading.name, -1) for reading in snapshot.parameters]

    def _planned(self, snapshot: Snapshot) -> Plan:
        graph = snapshot.graph
        found = layers(graph, snapshot.loss.site if snapshot.loss else -1)
        self._arrange([layer.key for layer in found])
        numbers = {key: row for row, key in enumerate(self.rows)}
        for layer in found:
            if layer.key not in numbers and len(numbers) < MOST_LAYERS:
                numbers[layer.key] = len(numbers)
                slope = expected_slope(snapshot, layer)
                self.rows[layer.key] = Row(layer, snapshot.stream, slope)
            self._own(graph, layer)
        kept = tuple(layer for layer in found if layer.key in numbers)
        self.order = [key for key in self.order if key in numbers]
        return Plan(graph, kept, _rounds([numbers[layer.key] for layer in kept]))

    def _arrange(self, keys: Sequence[str]) -> None:
        """Puts new layers behind the one before them in their graph."""
        place = 0
        for key in keys:
            if key in self.order:
                place = self.order.index(key) + 1
            else:
                self.order.insert(place, key)
                place += 1

    def _own(self, graph: Graph, layer: Layer) -> None:
        for index in members(graph, layer):
            site = graph.sites[index]
            for name in (site.name, *site.parameters):
                self.owners.setdefault(name, layer.key)


def _rounds(rows: Sequence[int]) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    """Places in order, such that no round has a row twice (calls of one layer)."""
    times: dict[int, int] = {}
    rounds: list[tuple[list[int], list[int]]] = []
    for place, row in enumerate(rows):
        number = times[row] = times.get(row, -1) + 1
        if number == len(rounds):
            rounds.append(([], []))
        rounds[number][0].append(place)
        rounds[number][1].append(row)
    return tuple((np.array(places), np.array(those)) for places, those in rounds)
