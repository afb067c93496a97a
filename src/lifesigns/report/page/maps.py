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
ABSENT, SILENT = 255, 254
"""As `packed` has them: what was not measured, and activity of 0; other shares are below."""
HALF = 127
"""Where two shares are packed as one, since two of the 256 numbers have another meaning."""

Bytes = NDArray[np.uint8]


class Maps:
    """The history of all units, in bounded memory."""

    def __init__(self) -> None:
        self.layers: dict[int, slice] = {}
        """Where the units of a layer are, by its row; None of a layer that has no map."""
        self._shares = Series(ABSENT, np.uint8, np.minimum, 2)
        self._alive = np.zeros(0, np.int32)
        """How many snapshots there were up to the last in which a unit was alive."""
        self._activity = np.zeros(0, np.float32)
        self._stretches: tuple[object, list[tuple[slice, int]]] = ((), [])

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
        self._alive = np.append(self._alive, np.zeros(units, np.int32))
        self._activity = np.append(self._activity, np.zeros(units, np.float32))

    def put(self, column: int, number: int, units: Units, rows: Sequence[int]) -> None:
        """Takes the shares of a snapshot in.

        Args:
            column: Of the axis.
            number: Of the snapshot.
            units: Those of layers without a map, and of another number than before, are left out.
            rows: Of the layers that they are of.
        """
        for place, start in self._same_stretches(units, rows):
            shares = units.shares[:, start : start + place.stop - place.start]
            lively = np.multiply(shares[0], FULL - shares[1], dtype=np.uint16)
            alive = self._alive[place]
            np.maximum(alive, (lively > 0) * np.int32(number + 1), out=alive)
            self._activity[place] += lively
            self._shares.put(column, packed(shares), place)

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
        held = self._shares.joined(first, second, self.layers[row])
        there = np.flatnonzero((held[0] != ABSENT).any(axis=0))
        active, saturated = unpacked(held[:, :, there])
        return there, active, saturated

    def _same_stretches(self, units: Units, rows: Sequence[int]) -> list[tuple[slice, int]]:
        """The stretches of these units; those of the last call if it was the same layers."""
        asked = (rows, units.starts, len(self.layers))
        if asked != self._stretches[0]:
            self._stretches = asked, list(self._found_stretches(units, rows))
        return self._stretches[1]

    def _found_stretches(self, units: Units, rows: Sequence[int]) -> Iterator[tuple[slice, int]]:
        """Units that lie one behind the other here as there: mostly all of them."""
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


def packed(shares: Bytes) -> Bytes:
    """Shares in numbers of which, for several steps together, the smallest is the one to show.

    Activity is the least that was seen, but 0 only where a unit was silent in all of them; before
    that comes what was not measured. Saturation is the largest that was seen.

    Args:
        shares: Shape `[2, …]`: activity and saturation, 0 to `FULL`.

    Example:
        >>> silent, rare, often = np.array([[[0, 1, 255]], [[0, 0, 9]]], np.uint8).T
        >>> unpacked(np.minimum(packed(silent.T), packed(often.T))).tolist()
        [[255], [9]]
        >>> unpacked(np.minimum(packed(rare.T), packed(often.T))).tolist()
        [[1], [9]]
    """
    held = FULL - shares
    np.minimum(shares[0] - np.uint8(1) - (shares[0] > HALF), SILENT, out=held[0, ...])
    return held


def unpacked(held: Bytes) -> Bytes:
    """The shares again; what was not measured becomes nonsense.

    Args:
        held: What `packed` returned, or the smallest of several.
    """
    shares = FULL - held
    shares[0] = held[0] + np.uint8(1) + (held[0] >= HALF)
    return shares
