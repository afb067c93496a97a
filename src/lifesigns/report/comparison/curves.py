"""The losses of two runs on one axis: the same steps, or the same number of samples seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lifesigns._errors import UsageError
from lifesigns.evidence import Course, Run
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
    found = []
    for stream in both:
        courses = tuple(run.stream(stream).course for run in runs)
        seen = [_seen(trace, stream, axis) for trace in (first, other)]
        samples = None
        if axis == "samples":
            samples = (_knots(first, stream, seen[0]), _knots(other, stream, seen[1]))
        found.append(Pair(stream, (courses[0], courses[1]), _windows(seen), samples))
    return tuple(found)


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


def _seen(trace: Trace, stream: int, axis: str) -> Line:
    own = trace.losses.streams == stream
    steps, values = trace.losses.steps[own].astype(float), trace.losses.values[own]
    if axis == "step":
        return steps, values
    return np.cumsum(_samples(trace, stream, steps)) - 1, values


def _knots(trace: Trace, stream: int, line: Line) -> Knots:
    """The first and the last step, and those around which the size of the batch changes."""
    steps = trace.losses.steps[trace.losses.streams == stream]
    places = line[0] + 1
    bends = np.flatnonzero(np.diff(places, n=2)) + 1
    kept = sorted({0, *bends.tolist(), len(steps) - 1})
    return tuple((int(steps[i]), int(places[i])) for i in kept)


def _samples(trace: Trace, stream: int, steps: Floats) -> Floats:
    """How many samples each step has: as many as the last recorded step before it."""
    known = [(s.step, s.batch.shape[0]) for s in trace.stream(stream) if s.batch and s.batch.shape]
    if not known:
        raise UsageError(
            f"How many samples a step of {trace.info.command or 'the run'} has is not known: no "
            "batch was recorded. Compare by --align step."
        )
    recorded, sizes = np.array(known, float).T
    found: Floats = sizes[np.maximum(np.searchsorted(recorded, steps, side="right") - 1, 0)]
    return found
