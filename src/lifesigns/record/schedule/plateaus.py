"""What a schedule that waits for a plateau is given: a number that is to fall, or to rise."""

from __future__ import annotations

import math
import weakref
from typing import Any

from lifesigns.record.schedule.rate_log import as_number


class Plateaus:
    """Follows the first `ReduceLROnPlateau` of a run."""

    def __init__(self) -> None:
        self._scheduler: weakref.ref[Any] | None = None
        self._rises, self._given = False, 0
        self._first = self._highest = self._latest = math.nan

    def note(self, scheduler: Any, number: Any) -> None:
        """A schedule was given a number, and has read it.

        Args:
            scheduler: The schedule.
            number: The number.
        """
        if self._scheduler is None:
            self._scheduler = weakref.ref(scheduler)
            self._first = self._highest = as_number(number)
        if self._scheduler() is not scheduler:
            return
        self._rises = getattr(scheduler, "mode", "") == "max"
        self._latest = as_number(number)
        self._highest = max(self._highest, self._latest)
        self._given += 1

    def marks(self) -> dict[str, float]:
        """Details of a loss, empty without such a schedule.

        Whether a rise is waited for, how often a number was given, and the first, the highest and
        the latest one.
        """
        if not self._given:
            return {}
        return {
            "plateau_rises": float(self._rises),
            "plateau_given": float(self._given),
            "plateau_first": self._first,
            "plateau_highest": self._highest,
            "plateau_latest": self._latest,
        }
