"""How active each unit was at each recorded step, and which died first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns.report.page.arrays import pack
from lifesigns.report.page.axis import Indices, Series
from lifesigns.report.page.measured import FULL, Shares

HELD = 2**26
"""Bytes that all maps together may take while they are filled."""
LEAST_COLUMNS = 100
"""Columns that a map has at the least, if the run is that long."""
MOST_UNITS = 4096
"""Layers of more units have no map."""
MOST_CELLS = 600_000
"""Cells of all maps in a document."""
ABSENT = 255
"""Stands for activity that was not measured; a share takes the other 255 values."""


@dataclass
class Held:
    """Where the units of one layer are, and what is known of each over the whole run."""

    rows: slice
    saturated: slice
    saturates: bool
    """Whether its saturation is kept; of rectifiers it says nothing."""
    alive: NDArray[np.int32]
    """The last snapshot in which a unit was active, and not saturated by every sample; -1: none."""
    activity: NDArray[np.float32]
    """Sum over the snapshots."""

    def note(self, number: int, seen: Shares) -> None:
        """Takes one more snapshot in.

        Args:
            number: Of the snapshot.
            seen: Its shares.
        """
        self.alive[(seen.active > 0) & (seen.saturated < FULL)] = number
        self.activity += seen.active.astype(np.float32) * (FULL - seen.saturated)

    def order(self) -> Indices:
        """The units: the one that died first comes first, then the least active."""
        return np.lexsort((self.activity, self.alive))


class Maps:
    """The history of all units, in bounded memory."""

    def __init__(self) -> None:
        self.layers: dict[int, Held] = {}
        """By the layer's row."""
        self._active = Series(ABSENT, np.uint8, _least_active)
        self._saturated = Series(0, np.uint8, np.maximum)

    @property
    def most_columns(self) -> int:
        """So many columns can be held."""
        return HELD // (2 * max(1, self._active.rows + self._saturated.rows))

    def admit(self, row: int, units: int, *, rectifies: bool) -> None:
        """Makes place for the units of a layer, if there is some.

        Args:
            row: Of the layer.
            units: How many it has.
            rectifies: Whether saturation says nothing of it.
        """
        flat = 0 if rectifies else units
        taken = self._active.rows + self._saturated.rows + units + flat
        if not 0 < units <= MOST_UNITS or taken * 2 * LEAST_COLUMNS > HELD:
            return
        rows = slice(self._active.rows, self._active.rows + units)
        saturated = slice(self._saturated.rows, self._saturated.rows + flat)
        self._active.rows, self._saturated.rows = rows.stop, saturated.stop
        never, none = np.full(units, -1, np.int32), np.zeros(units, np.float32)
        self.layers[row] = Held(rows, saturated, not rectifies, never, none)

    def put(self, column: int, number: int, seen: dict[int, Shares]) -> None:
        """Takes the shares of a snapshot in.

        Args:
            column: Of the axis.
            number: Of the snapshot.
            seen: By the layer's row; those that were not admitted are passed over.
        """
        for row, shares in seen.items():
            held = self.layers.get(row)
            if held is None or len(shares.active) != len(held.alive):
                continue
            active = _scaled(shares.active, FULL, ABSENT - 1)
            self._active.put(column, active, held.rows)
            if held.saturates:
                self._saturated.put(column, shares.saturated, held.saturated)
            held.note(number, shares)

    def merge(self, first: Indices, second: Indices) -> None:
        """Joins columns as `Axis.pairs` says.

        Args:
            first: The first of each pair.
            second: The second.
        """
        self._active.merge(first, second)
        self._saturated.merge(first, second)

    def to_json(
        self, rows: Sequence[int], first: Indices, second: Indices, leading: frozenset[int]
    ) -> list[dict[str, Any]]:
        """The maps of the document.

        Args:
            rows: The row of each layer in the order of the document.
            first: Columns that the document joins, see `Axis.pairs`.
            second: Likewise.
            leading: Rows of the layers that have findings: they get the most room.
        """
        active = self._active.joined(first, second)
        saturated = self._saturated.joined(first, second)
        made = []
        for row, cells in self._rooms(leading, len(first)):
            held = self.layers[row]
            own, flat = active[held.rows], saturated[held.saturated]
            there = np.flatnonzero((own != ABSENT).any(axis=0))
            if len(there):
                map_ = _drawn(held, own[:, there], flat[:, there], there, cells)
                made.append({"layer": rows.index(row)} | map_)
        return sorted(made, key=lambda one: one["layer"])

    def _rooms(self, leading: frozenset[int], columns: int) -> Iterator[tuple[int, int]]:
        """How many cells the map of each layer may have, those with findings first.

        Each of these gets what it needs, unless that is more than its share of three quarters.
        """
        left = MOST_CELLS
        ordered = sorted(self.layers, key=lambda row: row not in leading)
        first = sum(row in leading for row in ordered)
        for number, row in enumerate(ordered):
            held = self.layers[row]
            needed = columns * len(held.alive) * (1 + held.saturates)
            shared = 0.75 * left / (first - number) if number < first else 0
            room = min(needed, max(int(shared), left // (len(ordered) - number)))
            left -= room
            yield row, room


def _drawn(
    held: Held, active: NDArray[np.uint8], flat: NDArray[np.uint8], there: Indices, cells: int
) -> dict[str, Any]:
    units, columns = active.shape
    kinds = 2 if len(flat) else 1
    group = min(units, max(1, -(-units // max(1, cells // (kinds * columns)))))
    order, starts = held.order(), np.arange(0, units, group)
    shown = _scaled(np.minimum.reduceat(active[order], starts), ABSENT - 1, FULL)
    saturated = np.maximum.reduceat(flat[order], starts) if len(flat) else None
    return {
        "units": units,
        "order": pack(order, "uint16"),
        "group": group,
        "steps": pack(there, "uint16"),
        "active": pack(shown, "uint8"),
        "saturated": None if saturated is None else pack(saturated, "uint8"),
    }


def _scaled(values: NDArray[np.uint8], most: int, to: int) -> NDArray[np.uint8]:
    """Shares of `most` as shares of `to`; 0 stays the only 0, and all stays all."""
    scaled = (values.astype(np.uint16) * to + most // 2) // most
    return np.maximum(scaled, values > 0).astype(np.uint8)


def _least_active(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The smaller share, but 0 only where both are: a unit is dead that gave 0 in all steps."""
    least = np.maximum(np.minimum(a, b), (a | b) > 0)
    return np.where(a == ABSENT, b, np.where(b == ABSENT, a, least))
