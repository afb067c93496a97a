"""The unit sums of several layers as one long array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import Floats, Ints, UnitSums

Numbers = NDArray[Any]
"""Floats or integers, as they were recorded."""


@dataclass(frozen=True, eq=False)
class Stack:
    """The unit sums of several layers one behind the other."""

    places: list[int]
    """Which layers."""
    starts: Ints
    """Where the units of each begin."""
    lengths: Ints
    """How many units each has."""
    sums: list[UnitSums]
    even: Floats | None
    """How often all units of each layer were observed; None where that differs."""

    @classmethod
    def of(cls, sums: Sequence[UnitSums | None], *, finite: bool) -> Stack | None:
        """Those that there are; None if there is none.

        Args:
            sums: Of each layer.
            finite: Whether no value was left out of them.
        """
        stacked = [s for s in sums if s is not None]
        sizes = [len(s.count) for s in stacked]
        places = list(range(len(sums)))
        if len(stacked) < len(sums) or not all(sizes):
            places = [n for n, s in enumerate(sums) if s is not None and len(s.count)]
            stacked, sizes = [s for s in stacked if len(s.count)], [n for n in sizes if n]
        if not places:
            return None
        lengths, first = np.array(sizes), [s.count.item(0) for s in stacked]
        even = np.array(first, np.float64) if finite and all(first) else None
        return cls(places, np.cumsum(lengths) - lengths, lengths, stacked, even)

    @property
    def count(self) -> int:
        """How often every unit of all layers was observed; 0 where that differs."""
        same = self.even is not None and (self.even == self.even[0]).all()
        return int(self.even[0]) if self.even is not None and same else 0

    def all(self, field: str) -> Numbers:
        """A field of all units.

        Args:
            field: Of `UnitSums`.
        """
        values: Numbers = np.concatenate(list(map(attrgetter(field), self.sums)))
        return values

    def observed(self) -> Floats:
        """The observations of all units of each layer."""
        return self.total(self.all("count")) if self.even is None else self.even * self.lengths

    def seen(self) -> Ints:
        """How many units of each layer were observed at all."""
        return self.number(self.all("count") > 0) if self.even is None else self.lengths

    def each(self, share: float = 1.0) -> Floats:
        """Of each unit a number over how often it was observed; over 1 if it never was.

        Args:
            share: The number.
        """
        if self.even is not None:
            return np.repeat(share / self.even, self.lengths)
        return share / np.maximum(self.all("count"), 1)

    def per_observation(self, values: Floats, power: int = 1) -> Floats:
        """The sum over the units of each layer, each divided by how often it was observed.

        Args:
            values: Of all units.
            power: So many times.
        """
        if self.even is not None:
            return self.total(values) / self.even**power
        return self.total(values * self.each() ** power)

    def squares(self, field: str) -> Floats:
        """The sum of the squares of a field of the units of each layer.

        Args:
            field: Of `UnitSums`.
        """
        return np.array([values.dot(values) for values in map(attrgetter(field), self.sums)])

    def total(self, values: Numbers) -> Floats:
        """The sum over the units of each layer.

        Args:
            values: Of all units.
        """
        sums: Floats = np.add.reduceat(values, self.starts).astype(np.float64)
        return sums

    def number(self, which: NDArray[np.bool_]) -> Ints:
        """How many units of each layer something is true of.

        Args:
            which: Whether it is, of all units.
        """
        numbers: Ints = np.add.reduceat(which, self.starts, dtype=np.int64)
        return numbers

    def rms(self) -> Floats:
        """Root mean square of each layer."""
        with np.errstate(all="ignore"):
            return np.sqrt(self.total(self.all("total_squared")) / self.observed())
