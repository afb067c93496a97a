"""The loss of every step in a bounded number of buckets, with the lowest and highest of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lifesigns.records import Floats, Ints, LossCurve
from lifesigns.report.page.arrays import pack

MOST_BUCKETS = 1000
"""Of one stream in a document; twice as many are held."""


@dataclass
class Buckets:
    """The losses of one stream, `width` steps to a bucket."""

    width: int = 1
    steps: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    low: Floats = field(default_factory=lambda: np.zeros(0))
    """Of the finite losses; infinite where there is none."""
    high: Floats = field(default_factory=lambda: np.zeros(0))
    nonfinite: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    filled: int = 0
    """How many losses the last bucket holds."""

    def add(self, steps: Ints, values: Floats) -> None:
        """Takes losses in.

        Args:
            steps: The step of each; later than all before.
            values: Of any size, NaN and infinities included.
        """
        for start in range(0, len(values), MOST_BUCKETS):
            self._add(steps[start : start + MOST_BUCKETS], values[start : start + MOST_BUCKETS])
            while len(self.low) > 2 * MOST_BUCKETS:
                self._halve()

    def to_json(self) -> dict[str, Any]:
        """The arrays of the document; NaN in both where no loss was finite."""
        shown = self if len(self.low) <= MOST_BUCKETS else self._halved()
        empty = shown.low > shown.high
        return {
            "steps": pack(shown.steps, "int32"),
            "low": pack(np.where(empty, np.nan, shown.low), "float32"),
            "high": pack(np.where(empty, np.nan, shown.high), "float32"),
            "nonfinite": pack(shown.nonfinite, "int32"),
        }

    def _add(self, steps: Ints, values: Floats) -> None:
        """Losses by the bucket they fall into, the first of which may be there already."""
        room = (self.width - self.filled) % self.width if len(self.low) else 0
        number = (np.arange(len(values)) - room) // self.width + bool(room)
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        finite = np.isfinite(values)
        new = Buckets(
            self.width,
            steps[starts],
            np.minimum.reduceat(np.where(finite, values, np.inf), starts),
            np.maximum.reduceat(np.where(finite, values, -np.inf), starts),
            np.add.reduceat((~finite).astype(np.int64), starts),
        )
        self._append(new, joins=bool(room))
        self.filled = (self.filled + len(values) - 1) % self.width + 1

    def _append(self, new: Buckets, *, joins: bool) -> None:
        if joins:
            self.low[-1] = min(self.low[-1], new.low[0])
            self.high[-1] = max(self.high[-1], new.high[0])
            self.nonfinite[-1] += new.nonfinite[0]
        for name in ("steps", "low", "high", "nonfinite"):
            both = (getattr(self, name), getattr(new, name)[joins:])
            setattr(self, name, np.concatenate(both))

    def _halve(self) -> None:
        half = self._halved()
        odd = len(self.low) % 2
        self.filled += 0 if odd else self.width
        self.width, self.steps, self.low = half.width, half.steps, half.low
        self.high, self.nonfinite = half.high, half.nonfinite

    def _halved(self) -> Buckets:
        starts = np.arange(0, len(self.low), 2)
        return Buckets(
            2 * self.width,
            self.steps[starts],
            np.minimum.reduceat(self.low, starts),
            np.maximum.reduceat(self.high, starts),
            np.add.reduceat(self.nonfinite, starts),
        )


class Losses:
    """The buckets of each stream."""

    def __init__(self) -> None:
        self.streams: dict[int, Buckets] = {}

    def add(self, curve: LossCurve) -> None:
        """Takes the losses of further steps in.

        Args:
            curve: Only those that are new, of all streams.
        """
        for number in curve.numbers:
            own = curve.streams == number
            buckets = self.streams.setdefault(number, Buckets())
            buckets.add(curve.steps[own], curve.values[own])
