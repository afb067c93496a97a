"""How active each unit was at each recorded step, and which died first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lifesigns.report.page.axis import Indices, Series
from lifesigns.report.page.measured import FULL, Units

HELD = 2**27
"""Bytes that all maps together may take while they are filled."""
LEAST_COLUMNS = 100
"""Columns that a map has at the least, if the run is that long."""
MOST_UNITS = 4096
"""Layers of more units have no map."""
ABSENT = 255
"""Stands for activity that was not measured; a share takes the other 255 values."""

Bytes = NDArray[np.uint8]


class Maps:
    """The history of all units, in bounded memory."""

    def __init__(self) -> None:
        self.layers: dict[int, slice] = {}
        """Where the units of a layer are, by its row; None of a layer that has no map."""
        self._shares = Series(ABSENT, np.uint8, worse, 2)
        self._alive = np.zeros(0, np.int32)
        self._activity = np.zeros(0, np.float32)

    @property
    def most_columns(self) -> int:
        """So many columns can be held."""
        return HELD // (4 * max(1, self._shares.rows))

    def admit(self, row: int, units: int) -> None:
        """Makes place for the units of a layer, if there is some and it has none.

        Args:
            row: Of the layer.
            units: How many it has.
        """
        taken = self._shares.rows
        fits = units <= MOST_UNITS and (taken + units) * 4 * LEAST_COLUMNS <= HELD
        if row in self.layers or not fits:
            return
        self.layers[row] = slice(taken, taken + units)
        self._shares.rows += units
        self._alive = np.append(self._alive, np.full(units, -1, np.int32))
        self._activity = np.append(self._activity, np.zeros(units, np.float32))

    def put(self, column: int, number: int, units: Units, rows: Sequence[int]) -> None:
        """Takes the shares of a snapshot in.

        Args:
            column: Of the axis.
            number: Of the snapshot.
            units: Those of layers without a map, and of another number than before, are left out.
            rows: Of the layers that they are of.
        """
        for place, start in self._runs(units, rows):
            shares = units.shares[:, start : start + place.stop - place.start]
            alive = (shares[0] > 0) & (shares[1] < FULL)
            self._alive[place][alive] = number
            self._activity[place] += shares[0].astype(np.float32) * (FULL - shares[1])
            self._shares.put(
                column, np.stack([_scaled(shares[0], FULL, ABSENT - 1), shares[1]]), place
            )

    def merge(self, first: Indices, second: Indices) -> None:
        """Joins columns as `Axis.pairs` says.

        Args:
            first: The first of each pair.
            second: The second.
        """
        self._shares.merge(first, second)

    def order(self, row: int) -> Indices:
        """The units of a layer: the one that died first comes first, then the least active.

        A unit is alive in a snapshot in which it was active, and not saturated by every sample.

        Args:
            row: Of a layer that has a map.
        """
        own = self.layers[row]
        return np.lexsort((self._activity[own], self._alive[own]))

    def drawn(self, row: int, first: Indices, second: Indices) -> tuple[Indices, Bytes, Bytes]:
        """The columns in which a layer was read, with activity and saturation there.

        Args:
            row: Of a layer that has a map.
            first: Columns that are joined, see `Axis.pairs`.
            second: Likewise.

        Returns:
            Positions among the columns, and two arrays of shape `[units, positions]`.
        """
        active, saturated = self._shares.joined(first, second, self.layers[row])
        there = np.flatnonzero((active != ABSENT).any(axis=0))
        return there, _scaled(active[:, there], ABSENT - 1, FULL), saturated[:, there]

    def _runs(self, units: Units, rows: Sequence[int]) -> Iterator[tuple[slice, int]]:
        """Stretches of units that lie one behind the other here as there: mostly a single one."""
        place, begin = slice(0, 0), 0
        for number, row in enumerate(rows):
            start, stop = units.starts[number : number + 2]
            own = self.layers.get(row)
            if own is None or own.stop - own.start != stop - start:
                continue
            if own.start == place.stop and start == begin + place.stop - place.start:
                place = slice(place.start, own.stop)
                continue
            if place.stop > place.start:
                yield place, begin
            place, begin = own, start
        if place.stop > place.start:
            yield place, begin


def worse(a: Bytes, b: Bytes) -> Bytes:
    """The smaller activity, but 0 only where both are: dead is what was silent in all steps.

    Args:
        a: Shape `[..., 2, units]`: activity and saturation.
        b: Of the same shape.
    """
    one, other = a[..., 0, :], b[..., 0, :]
    chosen = np.empty_like(a)
    least = np.maximum(np.minimum(one, other), (one | other) > 0)
    np.copyto(least, other, where=one == ABSENT)
    np.copyto(least, one, where=other == ABSENT)
    chosen[..., 0, :] = least
    chosen[..., 1, :] = np.where(one == ABSENT, 0, a[..., 1, :])
    np.maximum(chosen[..., 1, :], np.where(other == ABSENT, 0, b[..., 1, :]), out=chosen[..., 1, :])
    return chosen


def _scaled(values: Bytes, most: int, to: int) -> Bytes:
    """Shares of `most` as shares of `to`; 0 stays the only 0, and all stays all."""
    table = (np.arange(256) * to + most // 2) // most
    table[1:] = np.maximum(table[1:], 1)
    return table.astype(np.uint8)[values]
