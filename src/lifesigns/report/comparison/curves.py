"""The losses of two runs on one axis: the same steps, or the same number of samples seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lifesigns._errors import UsageError
from lifesigns.evidence import Course, Run, Stream
from lifesigns.records import Floats, Trace

WINDOWS = 20
"""Most stretches in which losses are compared: each is the mean of a twentieth."""
AXES = ("step", "samples")


@dataclass(frozen=True)
class Window:
    """A stretch of the axis, with the mean loss of both runs in it."""

    start: float
    end: float
    first: float
    """NaN where the run has no loss there, or one that is NaN."""
    other: float


Knots = tuple[tuple[int, int], ...]
"""Steps, with the samples that had been seen after each."""


@dataclass(frozen=True)
class Pair:
    """One loss of both runs."""

    stream: int
    courses: tuple[Course, Course]
    """What each did over its own run: start, end, baseline."""
    windows: tuple[Window, ...]
    """As far as both runs go."""
    samples: tuple[Knots, Knots] | None
    """How many samples each run had seen after a step, where losses are aligned by that: linear
    between these steps."""


def curves(first: Trace, other: Trace, axis: str) -> tuple[Pair, ...]:
    """The losses that both runs trained, by their numbers.

    Args:
        first: Of any length.
        other: Likewise.
        axis: `step` or `samples`.

    Raises:
        UsageError: Samples are asked for, and it is not known how many a step has.
    """
    runs = Run.of(first), Run.of(other)
    both = sorted(set(first.losses.numbers) & set(other.losses.numbers))
    return tuple(_pair([run.stream(number) for run in runs], axis) for number in both)


def _pair(streams: Sequence[Stream], axis: str) -> Pair:
    first, other = streams
    lines = [_line(stream, axis) for stream in streams]
    return Pair(
        first.number,
        courses=(first.course, other.course),
        windows=_windows(lines),
        samples=None if axis == "step" else (_knots(first, lines[0]), _knots(other, lines[1])),
    )


Line = tuple[Floats, Floats]
"""Places on the axis, ascending, and the losses there."""


def _windows(lines: Sequence[Line]) -> tuple[Window, ...]:
    """Equal stretches up to the end of the shorter run."""
    end = min(float(axis[-1]) for axis, _ in lines) + 1
    count = min(WINDOWS, *(int(np.sum(axis < end)) for axis, _ in lines))
    edges = np.linspace(0, end, count + 1)
    means = [_means(line, edges) for line in lines]
    rows = zip(edges[:-1].tolist(), edges[1:].tolist(), *means, strict=True)
    return tuple(Window(*row) for row in rows)


def _means(line: Line, edges: Floats) -> list[float]:
    axis, values = line
    places = np.searchsorted(axis, edges)
    with np.errstate(all="ignore"):
        return [
            float(values[start:end].mean()) if end > start else float("nan")
            for start, end in pairwise(places)
        ]


def _line(stream: Stream, axis: str) -> Line:
    steps = stream.steps.astype(float)
    return (steps if axis == "step" else np.cumsum(_samples(stream)) - 1), stream.losses


def _knots(stream: Stream, line: Line) -> Knots:
    """The first and the last step, and those around which the size of the batch changes."""
    places = line[0] + 1
    bends = np.flatnonzero(np.diff(places, n=2)) + 1
    kept = sorted({0, *bends.tolist(), len(places) - 1})
    return tuple((int(stream.steps[i]), int(places[i])) for i in kept)


def _samples(stream: Stream) -> Floats:
    """How many samples each step has: as many as the last recorded step before it."""
    known = [(s.step, s.batch.shape[0]) for s in stream.snapshots if s.batch and s.batch.shape]
    if not known:
        raise UsageError(
            f"How many samples a step of {stream.trace.info.command or 'the run'} has is not "
            "known: no batch was recorded. Compare by --align step."
        )
    recorded, sizes = np.array(known, float).T
    places = np.searchsorted(recorded, stream.steps, side="right") - 1
    found: Floats = sizes[np.maximum(places, 0)]
    return found
