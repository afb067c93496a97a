"""The snapshots that stay in memory: all of a usual run, not all of a long or a large one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from lifesigns.records import Snapshot, UnitSums

MOST = 256
"""Snapshots that are kept."""
MOST_BYTES, LEAST = 128 << 20, 32
"""What they may take together, where they are more than `LEAST`."""
NOTABLE = 16
"""Steps that are kept because of what happened in them."""
READING = 1024
"""Bytes of a parameter's reading, or of the objects that hold the sums of one tensor's units."""
UNIT = 64
"""Bytes of the sums of one unit: eight numbers."""


class _Kept(NamedTuple):
    number: int
    """Of its step among those that were recorded."""
    size: int
    snapshot: Snapshot


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

    def __iter__(self) -> Iterator[Snapshot]:
        return (one.snapshot for one in self._kept)

    def add(self, snapshot: Snapshot) -> None:
        """Keeps a snapshot, in place of others if they are too many or too large.

        Args:
            snapshot: Of the step of the last one, or of a later step.

        Cost: about 3 µs, and 1 µs for each site.
        """
        self.recorded += not self._kept or self._kept[-1].snapshot.step != snapshot.step
        one = _Kept(self.recorded - 1, size_of(snapshot), snapshot)
        if (snapshot.is_notable or snapshot.mixing) and len(self._notable) < NOTABLE:
            self._notable.add(one.number)
        self._kept.append(one)
        self._bytes += one.size
        count = len(self._kept)
        if count > MOST or (self._bytes > MOST_BYTES and count > LEAST):
            self._thin()

    def join(self, step: int) -> None:
        """Snapshots of later steps belong to `step`, too.

        Args:
            step: Number of the cycle that goes on.
        """
        self._kept = [one._replace(snapshot=joined(one.snapshot, step)) for one in self._kept]

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
        self._bytes = sum(one.size for one in self._kept)

    def _stays(self, one: _Kept) -> bool:
        return one.number % self._stride == 0 or one.number in self._notable


def joined(snapshot: Snapshot, step: int) -> Snapshot:
    """The snapshot, of `step` at the latest."""
    return snapshot if snapshot.step <= step else replace(snapshot, step=step)


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
