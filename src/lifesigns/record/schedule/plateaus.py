"""What a schedule that waits for a plateau is given: a number that is to fall, or to rise."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from lifesigns.record.schedule.rate_log import as_number
from lifesigns.records import Plateau

MOST_SAMPLES = 100_000
"""A share of more samples than these cannot be told from any other number."""
CLOSE = 0.01
"""How far from a whole number a count may lie, in samples, by rounding."""
DISTINCT = 3
"""Numbers that must differ: one of float32 is a share of some few thousand samples by chance."""


class Plateaus:
    """Follows the first `ReduceLROnPlateau` of a run."""

    def __init__(self) -> None:
        self._scheduler: weakref.ref[Any] | None = None
        self._shares = Shares()
        self.plateau: Plateau | None = None
        """What it was given; None where there is none."""

    def note(self, scheduler: Any, number: Any) -> None:
        """A schedule was given a number, and has read it.

        Args:
            scheduler: The schedule.
            number: The number.
        """
        latest = as_number(number)
        if self._scheduler is None:
            self._scheduler = weakref.ref(scheduler)
        if self._scheduler() is not scheduler:
            return
        self._shares.add(latest)
        known = self.plateau or Plateau(False, 0, latest, latest, latest, latest)
        self.plateau = Plateau(
            rises=getattr(scheduler, "mode", "") == "max",
            given=known.given + 1,
            first=known.first,
            lowest=min(known.lowest, latest),
            highest=max(known.highest, latest),
            latest=latest,
            samples=self._shares.samples,
        )


class Shares:
    """Whether numbers are shares of one number of samples, as accuracies are and losses are not.

    k / n and 100 k / n are told alike: n times either is a whole number.
    """

    def __init__(self) -> None:
        self._samples = np.arange(1.0, MOST_SAMPLES + 1)
        self._seen: set[float] = set()

    def add(self, number: float) -> None:
        """One more number; any of them.

        Cost: 0.5 ms for the first, microseconds for those behind it.
        """
        if len(self._seen) < DISTINCT:
            self._seen.add(number)
        if not len(self._samples):
            return
        counts = self._samples * number
        rounding = abs(counts) * np.finfo(_type(number)).eps
        whole = abs(counts - np.rint(counts)) <= rounding
        self._samples = self._samples[whole & (rounding < CLOSE)]

    @property
    def samples(self) -> int:
        """The fewest samples that fit all numbers; 0 if none do, or if too few numbers differ."""
        is_known = len(self._seen) == DISTINCT and len(self._samples) > 0
        return int(self._samples[0]) if is_known else 0


def _type(number: float) -> type[np.floating[Any]]:
    """What a number was computed in, as far as its digits tell."""
    return np.float32 if float(np.float32(number)) == number else np.float64
