"""The snapshots that stay in memory: all of a usual run, not all of a long or a large one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lifesigns.record.schedule.taken import Taken

MOST = 256
"""Snapshots that are kept."""
MOST_BYTES, LEAST = 128 << 20, 32
"""What they may take together, where they are more than `LEAST`."""
NOTABLE = 16
"""Steps that are kept because of what happened in them."""
READING = 1024
"""Bytes of a parameter's reading."""


class _Kept(NamedTuple):
    number: int
    """Of its step among those that were recorded."""
    taken: Taken


class KeptSnapshots:
    """The first, the latest, evenly spaced ones between them, and the first notable ones.

    A step between the first and the latest is kept if its number among the recorded ones is a
    multiple of a stride, which doubles whenever that leaves too many.
    """

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._notable: set[int] = set()
        self._bytes, self._stride = 0, 1
        self.recorded = 0
        """Steps that were recorded, kept or not."""

    def __iter__(self) -> Iterator[Taken]:
        return (one.taken for one in self._kept)

    def add(self, taken: Taken) -> None:
        """Keeps a snapshot, in place of others if they are too many or too large.

        Args:
            taken: Of the step of the last one, or of a later step.

        Cost: about 3 µs.
        """
        self.recorded += not self._kept or self._kept[-1].taken.step != taken.step
        one = _Kept(self.recorded - 1, taken)
        if taken.is_notable and len(self._notable) < NOTABLE:
            self._notable.add(one.number)
        self._kept.append(one)
        self._bytes += taken.size
        count = len(self._kept)
        if count > MOST or (self._bytes > MOST_BYTES and count > LEAST):
            self._thin()

    def join(self, step: int) -> None:
        """Snapshots of later steps belong to `step`, too.

        Args:
            step: Number of the cycle that goes on.
        """
        for one in self._kept:
            one.taken.join(step)

    def _thin(self) -> None:
        """Drops a quarter or more of those between the first and the latest."""
        count = len(self._kept)
        first, latest = max(count // 16, 4), count - count // 4
        between = self._kept[first:latest]
        left = [one for one in between if self._stays(one)]
        while len(left) > 0.75 * len(between) and self._stride <= self.recorded:
            self._stride *= 2
            left = [one for one in left if self._stays(one)]
        self._kept[first:latest] = left
        self._bytes = sum(one.taken.size for one in self._kept)

    def _stays(self, one: _Kept) -> bool:
        return one.number % self._stride == 0 or one.number in self._notable
