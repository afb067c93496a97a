"""What stays of a run in memory and in its file: not all, where it is long or large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from lifesigns.records import Snapshot, UnitSums

NOTABLE = 16
"""Steps that are kept because of what happened in them."""
READING = 1024
"""Bytes of a parameter's reading, or of the objects that hold the sums of one tensor's units."""
UNIT = 64
"""Bytes of the sums of one unit: eight numbers."""


Item = TypeVar("Item")


@dataclass(frozen=True)
class Room:
    """How many of something are kept."""

    most: int
    most_bytes: int
    """What they may take together, where they are more than `least`."""
    least: int


MEMORY = Room(most=256, most_bytes=128 << 20, least=32)
"""Snapshots that stay in the memory of a training, where they are what it is judged by."""
FOLLOWED = Room(most=256, most_bytes=128 << 20, least=2)
"""Those that stay in the memory of a page's maker, which reads a run file."""


class Kept(Generic[Item]):
    """The first, the latest, evenly spaced ones between them, and the first notable ones.

    A step between the first and the latest is kept if its number among those that were recorded is
    a multiple of a stride, which doubles whenever that leaves too many.

    Args:
        room: For how many; it may become another as the run goes on.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self._kept: list[tuple[int, int, Item]] = []
        self._notable: set[int] = set()
        self._bytes, self._stride, self._latest = 0, 1, -1
        self.recorded = 0
        """Steps that were recorded, kept or not."""

    def __iter__(self) -> Iterator[Item]:
        return (item for _, _, item in self._kept)

    @property
    def bytes(self) -> int:
        """What is kept takes so many."""
        return self._bytes

    def add(
        self, item: Item, step: int, size: int, *, is_notable: bool = False
    ) -> tuple[Item, ...]:
        """Keeps one, in place of others if they are too many or too large.

        Args:
            item: What is kept.
            step: That of the last one, or a later one.
            size: Bytes that it takes.
            is_notable: Whether it stays in any case, if it is among the first `NOTABLE` such.

        Returns:
            Those that are kept no longer.

        Cost: about 3 µs.
        """
        self.recorded += step != self._latest
        self._latest, number = step, self.recorded - 1
        if is_notable and len(self._notable) < NOTABLE:
            self._notable.add(number)
        self._kept.append((number, size, item))
        self._bytes += size
        if len(self._kept) > self.room.most or self._is_too_large:
            return self._thin()
        return ()

    def turn_of(self, step: int) -> int:
        """The number that a step has among those that were recorded, or will have if it is next.

        Args:
            step: That of the last one, or a later one.
        """
        return self.recorded - (step == self._latest)

    def join(self, step: int) -> None:
        """What was added of later steps belongs to `step`, too.

        Args:
            step: Number of the cycle that goes on.
        """
        self._latest = min(self._latest, step)

    def _thin(self) -> tuple[Item, ...]:
        """Drops a quarter or more of those between the first and the latest, and what is too large.

        Where evenly spaced and notable ones are too large together, it is those in the middle.
        """
        count = len(self._kept)
        first = max(1, min(max(count // 16, 4), count // 4))
        latest = count - max(1, count // 4)
        between = self._kept[first:latest]
        left = [one for one in between if self._stays(one[0])]
        while len(left) > 0.75 * len(between) and self._stride <= self.recorded:
            self._stride *= 2
            left = [one for one in left if self._stays(one[0])]
        self._kept[first:latest] = left
        gone = [item for number, _, item in between if not self._stays(number)]
        self._bytes = sum(size for _, size, _ in self._kept)
        while self._is_too_large:
            gone += self._drop(self._kept[len(self._kept) // 2][0])
        return tuple(gone)

    @property
    def _is_too_large(self) -> bool:
        least = max(2, self.room.least)
        return self._bytes > self.room.most_bytes and len(self._kept) > least

    def _drop(self, number: int) -> list[Item]:
        gone = [one for one in self._kept if one[0] == number]
        self._kept = [one for one in self._kept if one[0] != number]
        self._bytes -= sum(size for _, size, _ in gone)
        return [item for _, _, item in gone]

    def _stays(self, number: int) -> bool:
        return number % self._stride == 0 or number in self._notable


def size_of(snapshot: Snapshot) -> int:
    """About how many bytes a snapshot takes; its graph, which others share, is not counted.

    Args:
        snapshot: One that is complete.
    """
    sums = [one for one in _sums(snapshot) if one is not None]
    readings = len(sums) + len(snapshot.parameters)
    return READING * readings + UNIT * sum(one.units for one in sums) + _classes(snapshot)


def _sums(snapshot: Snapshot) -> Iterator[UnitSums | None]:
    for site in snapshot.sites:
        yield from (site.value, site.output_gradient, site.input_gradient)
    if snapshot.batch is not None:
        yield snapshot.batch.features
    losses = () if snapshot.loss is None else (snapshot.loss, *snapshot.loss.others)
    for loss in losses:
        yield from (loss.prediction, loss.places)
        if loss.target is not None:
            yield from (loss.target.sums, loss.target.places, loss.target.left_out)


def _classes(snapshot: Snapshot) -> int:
    """Bytes of what is counted of each class."""
    target = None if snapshot.loss is None else snapshot.loss.target
    counts = None if target is None else target.class_counts
    return 0 if counts is None else counts.nbytes
