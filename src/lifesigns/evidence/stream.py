"""A run as the rules see it: one object for each loss, with what is asked of it, computed once.

Most runs have one loss, and so one *stream*. Where several losses are trained in turn, as in a GAN,
each has its own snapshots and its own course.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np

from lifesigns.evidence import scales
from lifesigns.evidence.constant import targets_of
from lifesigns.evidence.course import Course
from lifesigns.evidence.courses import course_of
from lifesigns.evidence.gradients import median_known
from lifesigns.evidence.shares import Seen, seen
from lifesigns.evidence.sites import bends
from lifesigns.evidence.thinning import thinned
from lifesigns.evidence.thresholds import LARGE_WEIGHTS, RAW_INPUT
from lifesigns.records import (
    Floats,
    Ints,
    LossReading,
    ParameterReading,
    Quantity,
    Snapshot,
    Trace,
    UnitSums,
)

RECENT = 0.25
"""Share of the recorded steps that speak for how the run ended."""


class Marked(NamedTuple):
    """A recorded step whose loss has a certain detail."""

    step: int
    details: Mapping[str, float]
    """All details of the loss."""


@dataclass(frozen=True, eq=False)
class Stream:
    """One loss of a run: its snapshots, its losses, and what they say together.

    What is asked of it is computed at the first time of asking and kept.
    """

    trace: Trace
    """The whole run, with the other losses."""
    number: int = 0
    """Which of its losses this is."""

    # --- what was recorded ------------------------------------------------------------------------
    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Its recorded steps, in order; never empty in a rule's `check`."""
        return self.trace.stream(self.number)

    @property
    def first(self) -> Snapshot:
        """The first recorded step: initialisation shows there."""
        return self.snapshots[0]

    @property
    def last(self) -> Snapshot:
        """The last recorded step."""
        return self.snapshots[-1]

    @cached_property
    def latest(self) -> tuple[Snapshot, ...]:
        """The last quarter of the recorded steps, at least one."""
        return self.snapshots[-max(1, round(len(self.snapshots) * RECENT)) :]

    @cached_property
    def seen(self) -> Seen:
        """How many of its steps were recorded."""
        return seen(self.trace, self.snapshots)

    @cached_property
    def readings(self) -> tuple[LossReading, ...]:
        """What was read of the loss, one for each recorded step on which it was."""
        return tuple(s.loss for s in self.snapshots if s.loss)

    def marked(self, word: str) -> list[Marked]:
        """The recorded steps whose loss has the detail `word`, in order."""
        read = ((s.step, s.loss.details) for s in self.snapshots if s.loss)
        return [Marked(step, details) for step, details in read if word in details]

    @cached_property
    def targets(self) -> UnitSums | None:
        """The targets of all recorded steps together; None if none was read."""
        return targets_of(self.readings)

    def since(self, holds: Callable[[Snapshot], bool]) -> int:
        """The first recorded step from which `holds` was true in every snapshot to the end."""
        step = self.last.step
        for snapshot in reversed(self.snapshots):
            if not holds(snapshot):
                break
            step = snapshot.step
        return step

    # --- the loss ---------------------------------------------------------------------------------
    @cached_property
    def course(self) -> Course:
        """What the loss did over the run: whether it learned."""
        return course_of(self.trace, self.number)

    @property
    def losses(self) -> Floats:
        """The loss of every step as it was trained, non-finite ones included, shape `[steps]`."""
        return self.trace.losses.stream(self.number)

    @cached_property
    def steps(self) -> Ints:
        """The number of the step of each of `losses`, shape `[steps]`."""
        steps: Ints = self.trace.losses.steps[self.trace.losses.streams == self.number]
        return steps

    @property
    def is_alone(self) -> bool:
        """Whether no other loss took turns with it; several in turn (a GAN) have no level.

        Of trainings one after the other, each is alone.
        """
        return not self.course.opposed

    # --- the scales -------------------------------------------------------------------------------
    @cached_property
    def input_rms(self) -> float:
        """RMS of the largest feature, median over the recorded inputs.

        NaN if none was seen, or if they are looked up: the numbers of tokens have no scale.
        """
        return median_known([scales.largest_feature(snapshot) for snapshot in self.snapshots])

    @property
    def is_raw(self) -> bool:
        """Whether some input feature is far larger than standardised ones."""
        return self.input_rms > RAW_INPUT

    @cached_property
    def weight_scale(self) -> float:
        """Largest weight RMS times √fan-in in the first snapshot; NaN if no weight was read."""
        return max((gain for _, gain in scales.weight_gains(self.first)), default=float("nan"))

    @property
    def has_large_weights(self) -> bool:
        """Whether some weights start far larger than any initialiser makes them."""
        return self.weight_scale > LARGE_WEIGHTS

    @cached_property
    def largest_update(self) -> float:
        """Largest recorded update over its weights; NaN if none was measured."""
        return max((ratio for _, ratio in self._updates), default=float("nan"))

    @cached_property
    def travel(self) -> float:
        """Way of the weights over the run, in their own size: the sum of update over weight.

        Interpolated between recorded steps; an upper bound of how far they got. NaN if unknown.
        """
        if not self._updates:
            return float("nan")
        steps, ratios = zip(*self._updates, strict=True)
        return float(np.interp(self._span, steps, ratios).sum())

    @property
    def _span(self) -> Ints:
        """The steps of the run that belong to it: of several trainings, those of its own."""
        first, last = 0, self.trace.steps - 1
        if self.trace.losses.stream_count > 1:
            first, last = int(self.steps[0]), int(self.steps[-1])
        return np.arange(first, last + 1)

    @cached_property
    def _updates(self) -> list[tuple[int, float]]:
        known = ((s.step, scales.update_ratio(s)) for s in self.snapshots)
        return [(step, ratio) for step, ratio in known if np.isfinite(ratio)]

    # --- the network ------------------------------------------------------------------------------
    @cached_property
    def bends(self) -> bool:
        """Whether anything in the network is not linear, apart from its output."""
        return bends(self.last)


@dataclass(frozen=True, eq=False)
class Run:
    """A whole run, and a stream for each of its losses."""

    trace: Trace
    _streams: dict[int, Stream] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, trace: Trace) -> Run:
        """The view of a run of any length: see `thinning` for what is left out of a long one."""
        return cls(thinned(trace))

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """A stream for each loss that was recorded, in the order of their numbers."""
        return tuple(map(self.stream, self.trace.recorded_streams))

    @cached_property
    def unmeasured(self) -> frozenset[Quantity]:
        """What was left out on purpose in some step: rules that need it cannot judge the run."""
        return frozenset(q for s in self.trace.snapshots for q in s.coverage.unmeasured)

    @cached_property
    def losses(self) -> tuple[Stream, ...]:
        """A stream for each loss that was trained, recorded or not."""
        return tuple(map(self.stream, self.trace.losses.numbers))

    @cached_property
    def parameters(self) -> dict[str, list[ParameterReading]]:
        """The readings of each parameter, by its name, in the order of the recorded steps."""
        found: dict[str, list[ParameterReading]] = {}
        for reading in chain.from_iterable(s.parameters for s in self.trace.snapshots):
            found.setdefault(reading.name, []).append(reading)
        return found

    def stream(self, number: int) -> Stream:
        """The stream of this number, the same object each time."""
        return self._streams.setdefault(number, Stream(self.trace, number))
