"""Parameters that were frozen, ask for gradients again, and that no optimizer took."""

from __future__ import annotations

from collections.abc import Iterator

from lifesigns.evidence.still import stands_still
from lifesigns.evidence.stream import Run
from lifesigns.records import ParameterReading, Snapshot


def unfrozen(run: Run) -> frozenset[str]:
    """Names of the parameters that get gradients again, after a time without, and never a step.

    Both in the recordings of one loss: those of other losses may lead elsewhere. What was trained
    before and is frozen now has no readings.
    """
    return frozenset(name for stream in run.streams for name in _unfrozen(stream.snapshots))


def _unfrozen(snapshots: tuple[Snapshot, ...]) -> Iterator[str]:
    for parameter in snapshots[-1].parameters if snapshots else ():
        readings = [snapshot.parameter(parameter.name) for snapshot in snapshots]
        gone = [i for i, reading in enumerate(readings) if not _asks(reading)]
        frozen = any(reading is not None and not reading.trainable for reading in readings)
        since = [p for p in readings[gone[-1] + 1 :] if p is not None] if gone else []
        if frozen and since and not any(p.optimized for p in since) and stands_still(since):
            yield parameter.name


def _asks(reading: ParameterReading | None) -> bool:
    return reading is not None and reading.trainable and reading.reached
