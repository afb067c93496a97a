"""The rows of a page: every layer and parameter that some snapshot had, and their order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import Graph, Snapshot
from lifesigns.report.page.layers import Layer, layers, members
from lifesigns.report.page.measured import Roles
from lifesigns.report.page.slopes import expected_slope

MOST_LAYERS, MOST_PARAMETERS = 512, 2048
"""Further ones are left out; a page of so many rows is not read."""
MOST_PLANS = 64
"""Graphs whose layers are remembered; usual runs have one or two."""
NAMELESS = re.compile(r"parameter\d+|:.*")
"""A parameter, or a site, of a network that nobody knows yet."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A layer by its latest name."""

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
    rows: tuple[int, ...]
    """The row of each."""
    rounds: tuple[tuple[Places, Places], ...]
    """Places in `layers` with the rows they belong to; in each round every row once."""
    roles: Roles


class Layout:
    """Which row each layer and each parameter has, numbered in the order of their appearance."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.forward: list[int] = []
        """The rows in forward order, as the document lists them."""
        self.parameters: list[str] = []
        """Names by row."""
        self.owners: dict[str, int] = {}
        """The row of the layer that each site and each parameter belongs to."""
        self._numbers: dict[str, int] = {}
        self._parameter_numbers: dict[str, int] = {}
        self._plans: dict[int, Plan] = {}
        self._latest: dict[int, Plan] = {}
        self._every_row: tuple[int, ...] = ()
        self._places: dict[int, tuple[Plan, list[str], Places, Places]] = {}

    @property
    def number(self) -> int:
        """Grows with every layer and every parameter, and with every other name of one."""
        return len(self._numbers) + len(self._parameter_numbers)

    @property
    def every_row(self) -> tuple[int, ...]:
        """All rows in the order of their appearance."""
        if len(self._every_row) != len(self.rows):
            self._every_row = tuple(range(len(self.rows)))
        return self._every_row

    def plan(self, snapshot: Snapshot) -> Plan:
        """The layers of a snapshot's graph; new ones get a row.

        Args:
            snapshot: Of one step.
        """
        known = self._plans.get(id(snapshot.graph))
        if known is None:
            known = self._plans[id(snapshot.graph)] = self._planned(snapshot)
            if len(self._plans) > MOST_PLANS:
                del self._plans[next(iter(self._plans))]
        self._latest[snapshot.stream] = known
        return known

    def places(self, plan: Plan, names: list[str]) -> tuple[Places, Places]:
        """The row of each parameter, and of each layer the place of its weight; -1 for none.

        Args:
            plan: Of the snapshot's graph.
            names: Of the parameters that were read in it.
        """
        known = self._places.get(id(plan))
        if known is None or known[0] is not plan or known[1] != names:
            place = {name: i for i, name in enumerate(names)}
            weights = np.array([place.get(layer.weight, -1) for layer in plan.layers], np.int64)
            if len(self._places) >= MOST_PLANS:
                self._places.clear()
            known = self._places[id(plan)] = plan, names, self._parameter_rows(names), weights
        return known[2:]

    def _parameter_rows(self, names: Collection[str]) -> Places:
        numbers = self._parameter_numbers
        for name in names:
            if name not in numbers and len(self.parameters) < MOST_PARAMETERS:
                numbers[name] = len(self.parameters)
                self.parameters.append(name)
        return np.array([numbers.get(name, -1) for name in names], np.int64)

    def _planned(self, snapshot: Snapshot) -> Plan:
        graph = snapshot.graph
        found = layers(graph, snapshot.loss.site if snapshot.loss else -1)
        self._rename(graph, found, self._latest.get(snapshot.stream))
        place = 0
        for layer in found:
            if layer.key not in self._numbers and len(self.rows) < MOST_LAYERS:
                self._numbers[layer.key] = len(self.rows)
                self.forward.insert(place, len(self.rows))  # behind the one before it in its graph
                slope = expected_slope(snapshot, layer)
                self.rows.append(Row(layer, snapshot.stream, slope))
            if layer.key in self._numbers:
                place = self.forward.index(self._numbers[layer.key]) + 1
                self._own(graph, layer)
        kept = tuple(layer for layer in found if layer.key in self._numbers)
        rows = tuple(self._numbers[layer.key] for layer in kept)
        return Plan(graph, kept, rows, _rounds(rows), Roles.of(kept))

    def _rename(self, graph: Graph, found: Sequence[Layer], before: Plan | None) -> None:
        """Gives layers the rows they had before their network was known by name.

        In its first step a network may be nameless, or be the only one and need no name.
        """
        if before is None or list(map(_form, found)) != list(map(_form, before.layers)):
            return
        for new, old in zip(found, before.layers, strict=True):
            if new.key in self._numbers or not _is_renamed(old, new):
                continue
            row = self._numbers[new.key] = self._numbers[old.key]
            self.rows[row] = Row(new, self.rows[row].stream, self.rows[row].slope)
            for was, now in zip(_names(before.graph, old), _names(graph, new), strict=False):
                if was in self._parameter_numbers and now not in self._parameter_numbers:
                    number = self._parameter_numbers[now] = self._parameter_numbers[was]
                    self.parameters[number] = now

    def _own(self, graph: Graph, layer: Layer) -> None:
        for index in members(graph, layer):
            site = graph.sites[index]
            for name in (site.name, *site.parameters):
                self.owners.setdefault(name, self._numbers[layer.key])


def _form(layer: Layer) -> tuple[str, str, int]:
    return layer.kind, layer.operation, layer.units


def _is_renamed(old: Layer, new: Layer) -> bool:
    was, now = (layer.weight or layer.name for layer in (old, new))
    return bool(NAMELESS.fullmatch(was)) or now.endswith(f".{was}")


def _names(graph: Graph, layer: Layer) -> Iterator[str]:
    for index in members(graph, layer):
        yield from graph.sites[index].parameters


def _rounds(rows: Sequence[int]) -> tuple[tuple[Places, Places], ...]:
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
