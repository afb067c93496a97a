"""The axis of recorded steps: a bounded number of columns for any number of snapshots.

A column stands for `stride` snapshots of one stream, one after the other. Where the columns become
twice as many as they may be, neighbours of a stream are joined and the stride doubles, so that all
columns of a stream stand for about as many snapshots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Worse = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
"""Of two arrays of equal shape the values that stay when they are merged."""


@dataclass
class Axis:
    """Which snapshots each column stands for."""

    steps: list[int] = field(default_factory=list)
    """The first step of each column."""
    streams: list[int] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)
    """How many snapshots each stands for."""
    stride: int = 1
    _open: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps)

    def place(self, step: int, stream: int) -> int:
        """The column of the next snapshot: a new one, or the stream's last that has room.

        Args:
            step: Not before the last one's.
            stream: The loss that was trained in it.
        """
        column = self._open.get(stream, -1)
        if column >= 0 and self.merged[column] < self.stride:
            self.merged[column] += 1
            return column
        self.steps.append(step)
        self.streams.append(stream)
        self.merged.append(1)
        self._open[stream] = len(self) - 1
        return len(self) - 1

    def pairs(self) -> tuple[Indices, Indices]:
        """For half as many columns: the first and the second one that each is made of.

        Returns:
            Positions in order; both the same where a stream has an odd one at its end.
        """
        waiting: dict[int, int] = {}
        second: dict[int, int] = {}
        for column, stream in enumerate(self.streams):
            if stream in waiting:
                second[waiting.pop(stream)] = column
            else:
                waiting[stream] = second[column] = column
        return np.array(list(second), np.int64), np.array(list(second.values()), np.int64)

    def halved(self, first: Indices, second: Indices) -> Axis:
        """The axis of the columns that `pairs` joins.

        Args:
            first: As `pairs` returned it.
            second: Likewise.
        """
        merged = np.array(self.merged)
        joined = merged[first] + np.where(first == second, 0, merged[second])
        steps, streams = ([values[i] for i in first] for values in (self.steps, self.streams))
        last = {stream: column for column, stream in enumerate(streams)}
        return Axis(steps, streams, joined.tolist(), 2 * self.stride, last)


class Series:
    """Values by column and row that are merged as the axis is; rows are added as they appear.

    A column lies in one piece, since snapshots come one after the other.

    Args:
        empty: What stands where nothing was measured; merged with anything it gives way.
        kind: The type of the values.
        worse: What stays of two values.
        numbers: How many there are for each column and row.
    """

    def __init__(self, empty: float, kind: type[np.generic], worse: Worse, numbers: int) -> None:
        self._empty, self._worse = empty, worse
        self.rows = 0
        self._values: NDArray[Any] = np.full((0, numbers, 0), empty, kind)

    def put(self, column: int, values: NDArray[Any], rows: slice = slice(None)) -> None:
        """Merges values into a column.

        Args:
            column: Of the axis.
            values: Shape `[numbers, rows]`.
            rows: Which ones they are of; all by default.
        """
        self._fit(column + 1)
        held = self._values[column, :, : self.rows][:, rows]
        held[...] = self._worse(held, values)

    def merge(self, first: Indices, second: Indices) -> None:
        """Joins columns as `Axis.pairs` says, one after the other, so that no copy is made.

        Args:
            first: The first of each pair; a pair never begins before its new place.
            second: The second.
        """
        self._fit(int(second.max(initial=-1)) + 1)
        for column, (a, b) in enumerate(zip(first, second, strict=True)):
            self._values[column] = self._worse(self._values[a], self._values[b])
        self._values[len(first) :] = self._empty

    def joined(self, first: Indices, second: Indices, rows: slice = slice(None)) -> NDArray[Any]:
        """What `merge` would leave, shape `[numbers, rows, columns]`.

        Args:
            first: The first of each pair.
            second: The second.
            rows: Which ones are wanted.
        """
        self._fit(int(second.max(initial=-1)) + 1)
        held = self._values[:, :, : self.rows][:, :, rows]
        return np.moveaxis(self._worse(held[first], held[second]), 0, -1)

    def _fit(self, columns: int) -> None:
        """Makes room; for columns twice what there was, so that growing costs little in all."""
        had, numbers, rows = self._values.shape
        if self.rows <= rows and columns <= had:
            return
        many = had if columns <= had else max(columns, 2 * had)
        grown = np.full((many, numbers, self.rows), self._empty, self._values.dtype)
        grown[:had, :, :rows] = self._values
        self._values = grown
