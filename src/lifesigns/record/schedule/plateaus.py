"""What a schedule that waits for a plateau is given: a number that is to fall, or to rise."""

from __future__ import annotations

import weakref
from typing import Any

from lifesigns.record.schedule.rate_log import as_number
from lifesigns.records import Plateau


class Plateaus:
    """Follows the first `ReduceLROnPlateau` of a run."""

    def __init__(self) -> None:
        self._scheduler: weakref.ref[Any] | None = None
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
        known = self.plateau or Plateau(False, 0, latest, latest, latest)
        self.plateau = Plateau(
            rises=getattr(scheduler, "mode", "") == "max",
            given=known.given + 1,
            first=known.first,
            highest=max(known.highest, latest),
            latest=latest,
        )
