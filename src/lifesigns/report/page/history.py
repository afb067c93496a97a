"""The history of a run, as far as a page shows it, in bounded memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lifesigns.records import Floats, Graph, Snapshot
from lifesigns.report.page.axis import MOST_COLUMNS, Axis, Indices, Series
from lifesigns.report.page.columns import COLUMNS
from lifesigns.report.page.layout import Layout
from lifesigns.report.page.maps import Maps
from lifesigns.report.page.reading import PARAMETERS, Reading, read, worst_step

WAITING = 16
"""Ladders that are merged at once."""


class History:
    """Rows of layers and parameters over the axis of recorded steps."""

    def __init__(self) -> None:
        self.layout, self.axis, self.maps = Layout(), Axis(), Maps()
        self.ladder = Series(np.nan, np.float32, worst_step, len(COLUMNS))
        self.parameters = Series(np.nan, np.float32, np.fmax, len(PARAMETERS))
        self.graphs: dict[int, Graph] = {}
        """The last one of each stream."""
        self.snapshots = self.steps = 0
        """How many snapshots were added, and of how many steps."""
        self._step = -1
        self._waiting: list[Floats] = []
        """Ladders of the column `_column` that are not merged into it yet."""
        self._column = -1
        self._admitted: tuple[tuple[int, ...], list[int]] = ((), [])

    @property
    def most(self) -> int:
        """So many columns a document has at the most."""
        return max(1, min(MOST_COLUMNS, self.maps.most_columns))

    def add(self, snapshot: Snapshot) -> Reading:
        """Takes the next snapshot in, and says what was read of it.

        Args:
            snapshot: Of the step of the last one or of a later step.
        """
        reading = read(snapshot, self.layout)
        if self._waiting and self._waiting[0].shape != reading.ladder.shape:
            self._settle()
        self._make_room(reading)
        column = self.axis.place(snapshot.step, snapshot.stream)
        self._put_ladder(column, reading.ladder)
        self.parameters.put(column, reading.parameters)
        self.maps.put(column, self.snapshots, reading.units, reading.rows)
        self.graphs[snapshot.stream] = snapshot.graph
        self.snapshots += 1
        self.steps += snapshot.step != self._step
        self._step = snapshot.step
        if len(self.axis) > 2 * self.most:
            self._merge()
        return reading

    def shown(self) -> tuple[Axis, Indices, Indices]:
        """The axis of a document, and the columns that each of its columns joins."""
        self._settle()
        if len(self.axis) <= self.most:
            all_ = np.arange(len(self.axis))
            return self.axis, all_, all_
        first, second = self.axis.pairs()
        return self.axis.halved(first, second), first, second

    def _make_room(self, reading: Reading) -> None:
        self.ladder.rows, self.parameters.rows = (
            reading.ladder.shape[1],
            reading.parameters.shape[1],
        )
        asked = reading.rows, reading.units.starts
        if asked == self._admitted:
            return
        self._admitted = asked
        for row, (start, stop) in zip(reading.rows, pairwise(reading.units.starts), strict=True):
            self.maps.admit(row, stop - start)

    def _put_ladder(self, column: int, ladder: Floats) -> None:
        """Many of one column are merged at once: most of the time goes into the calls."""
        if column != self._column:
            self._settle()
        self._column = column
        self._waiting.append(ladder)
        if len(self._waiting) == WAITING:
            self._settle()

    def _settle(self) -> None:
        """Merges ladders that wait, pair by pair in their order."""
        if not self._waiting:
            return
        ladders = np.stack(self._waiting)
        self._waiting.clear()
        while len(ladders) > 1:
            even = len(ladders) // 2 * 2
            pairs = worst_step(ladders[0:even:2], ladders[1:even:2])
            ladders = np.concatenate([pairs, ladders[even:]])
        self.ladder.put(self._column, ladders[0])

    def _merge(self) -> None:
        self._settle()
        first, second = self.axis.pairs()
        for series in (self.ladder, self.parameters, self.maps):
            series.merge(first, second)
        self.axis = self.axis.halved(first, second)
