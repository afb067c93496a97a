"""The snapshots of a run that stay in memory, made or not."""

from __future__ import annotations

from collections.abc import Iterator

from lifesigns.record.schedule.taken import Taken
from lifesigns.records.kept import LEAST, MOST, MOST_BYTES, Kept, Room


class KeptTaken:
    """Of a long run some, as `Kept` chooses them; the steps of all are counted."""

    def __init__(self) -> None:
        self._kept: Kept[Taken] = Kept(Room(MOST, MOST_BYTES, LEAST))
        self._last = -1
        self.recorded = 0
        """Steps that were recorded, kept or not."""

    def __iter__(self) -> Iterator[Taken]:
        return iter(self._kept)

    def add(self, taken: Taken) -> None:
        """Keeps a snapshot, in place of others if they are too many or too large.

        Args:
            taken: Of the step of the last one, or of a later step.

        Cost: about 3 µs.
        """
        self.recorded += taken.step != self._last
        self._last = taken.step
        self._kept.add(taken, self.recorded - 1, taken.size, is_notable=taken.is_notable)

    def join(self, step: int) -> None:
        """Snapshots of later steps belong to `step`, too.

        Args:
            step: Number of the cycle that goes on.
        """
        self._last = min(self._last, step)
        for taken in self._kept:
            taken.join(step)
