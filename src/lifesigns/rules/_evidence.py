"""Questions that several rules ask of a trace: did the loss fall, what did a site do over steps.

A rule about a possible cause needs a measured harm before it alarms. `progress` measures it: the
loss of the run against its own start and against the best constant prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from lifesigns.functions import losses as functions
from lifesigns.records import (
    WEIGHTED,
    Floats,
    Graph,
    Ints,
    LossReading,
    ParameterReading,
    Site,
    SiteReading,
    Snapshot,
    Trace,
    UnitSums,
)

MINIMUM_STEPS = 20
"""Below this many steps nothing is said about the course of a loss."""
CLEAR_GAIN = 0.05
"""A loss this share below its reference is called better; less is taken for noise."""

CONSTANT_LEVEL = 2e-3
"""Within this share of the best constant prediction's loss, that is what the network predicts."""


@dataclass(frozen=True)
class Progress:
    """What the loss did over a run; levels are medians, so single spikes do not count."""

    steps: int
    start: float
    """Median of the first losses (5 % of the run, at least 3)."""
    end: float
    """Median of the last 10 % (at least 5)."""
    fit: float
    """`end` as mean data loss per observation, comparable with `baseline`; NaN if unknown."""
    baseline: float
    """Loss of the best constant prediction per observation; NaN if unknown."""
    slope: float
    """Fall over the last half of the run in standard errors of its noise; positive is falling."""
    nonfinite: bool
    """Some loss was NaN or infinite."""
    opposed: bool = False
    """Other losses took turns with it (adversaries): that it keeps its level is no harm."""

    @property
    def judged(self) -> bool:
        """Whether the run is long enough to say anything."""
        return self.steps >= MINIMUM_STEPS

    @property
    def settled(self) -> bool:
        """The loss sits at the level of the best constant prediction."""
        return abs(self.fit - self.baseline) < CONSTANT_LEVEL * abs(self.baseline)

    @property
    def worse_than_constant(self) -> bool:
        """The loss is clearly above that of the best constant prediction."""
        return self.judged and bool(self.fit > (1 + CLEAR_GAIN) * self.baseline)

    @property
    def falling(self) -> bool:
        """The second half of the run still falls, beyond its noise, and not just to a constant."""
        return self.judged and not self.nonfinite and not self.settled and self.slope > 4

    @property
    def diverged(self) -> bool:
        """The loss became non-finite or ended far above its start."""
        rise = self.end - self.start
        return self.nonfinite or (self.judged and rise > abs(self.start) and not self.learned)

    @property
    def learned(self) -> bool:
        """Clearly better than the best constant prediction (where unknown: than at the start)."""
        if not self.judged or self.nonfinite:
            return False
        if np.isfinite(self.fit) and np.isfinite(self.baseline):
            return bool(self.fit < (1 - CLEAR_GAIN) * self.baseline)
        return bool(self.start - self.end > 2 * CLEAR_GAIN * abs(self.start))

    @property
    def stalled(self) -> bool:
        """Nothing was learned, and the loss is on its way neither down nor up."""
        moves = self.diverged or self.learned or self.falling
        return self.judged and not (moves or self.opposed)

    @property
    def harmed(self) -> bool:
        """Measured harm: stalled or diverged."""
        return self.stalled or self.diverged

    def __str__(self) -> str:
        """The course of the loss in words, for `measured`."""
        if self.nonfinite:
            return f"the loss started at {self.start:.3g} and became non-finite"
        text = f"the loss went from {self.start:.3g} to {self.end:.3g} in {self.steps} steps"
        if np.isfinite(self.fit) and np.isfinite(self.baseline):
            text += f" (a constant prediction reaches {self.baseline:.3g}, it is at {self.fit:.3g})"
        return text


def progress(trace: Trace, stream: int = 0) -> Progress:
    """What the loss of `stream` did over the run."""
    losses = trace.losses.stream(stream)
    finite = losses[np.isfinite(losses)]
    start, end = _level(finite[: max(3, len(finite) // 20)]), _level(finite[-_tail(finite) :])
    return Progress(
        steps=len(losses),
        start=start,
        end=end,
        fit=end * _per_observation(trace.stream(stream)),
        baseline=constant_loss(trace, stream),
        slope=_fall(finite[len(finite) // 2 :]),
        nonfinite=len(finite) < len(losses),
        opposed=_takes_turns(trace, stream),
    )


def _takes_turns(trace: Trace, stream: int) -> bool:
    """Whether steps of other losses lie between the first and the last one of this."""
    curve = trace.losses
    own = curve.steps[curve.streams == stream]
    others = curve.steps[curve.streams != stream]
    return bool(len(own)) and bool(((others > own[0]) & (others < own[-1])).any())


def constant_loss(trace: Trace, stream: int = 0) -> float:
    """Loss per observation of the best constant prediction over all recorded batches, or NaN."""
    readings = [s.loss for s in trace.stream(stream) if s.loss and s.loss.target]
    if not readings:
        return float("nan")
    return functions.constant_loss(readings[-1].kind, _targets(readings), _class_counts(readings))


def merged(
    snapshots: Iterable[Snapshot],
    site: str,
    what: Callable[[SiteReading], UnitSums | None] = lambda reading: reading.value,
) -> UnitSums | None:
    """The sums of one site (by name) over several snapshots; None where it was never seen.

    Snapshots in which the site has another number of units are left out.
    """
    found = [sums for s in snapshots if (sums := _sums(s, site, what)) is not None]
    kept = [sums for sums in found if sums.units == found[-1].units]
    return reduce(UnitSums.merge, kept) if kept else None


def latest(trace: Trace, stream: int = 0, share: float = 0.25) -> tuple[Snapshot, ...]:
    """The snapshots of the last `share` of the recorded ones, at least one."""
    snapshots = trace.stream(stream)
    return snapshots[-max(1, round(len(snapshots) * share)) :]


def since(snapshots: Sequence[Snapshot], holds: Callable[[Snapshot], bool]) -> int:
    """The first recorded step from which `holds` was true in every snapshot to the end."""
    step = snapshots[-1].step
    for snapshot in reversed(snapshots):
        if not holds(snapshot):
            break
        step = snapshot.step
    return step


def listed(names: Sequence[object], most: int = 4) -> str:
    """Names in a row: `a, b and 3 more`."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def streams(trace: Trace) -> list[int]:
    """The numbers of the streams that were recorded."""
    return sorted({snapshot.stream for snapshot in trace.snapshots})


def weight_gradients(snapshot: Snapshot) -> list[tuple[Site, ParameterReading]]:
    """The weighted sites in forward order, each with its weight's reading, gradients finite only.

    A weight used at several sites (a shared layer, an unrolled recurrence) counts once.
    """
    found: dict[str, tuple[Site, ParameterReading]] = {}
    for index in snapshot.graph.of_kind(*WEIGHTED):
        site = snapshot.graph.sites[index]
        reading = snapshot.parameter(site.parameters[0]) if site.parameters else None
        if reading and reading.nonfinite_gradients == 0 and np.isfinite(reading.gradient_rms):
            found.setdefault(reading.name, (site, reading))
    return list(found.values())


def is_hidden(graph: Graph, index: int) -> bool:
    """Whether another weighted site lies downstream: the site is no output layer."""
    return any(graph.sites[i].kind in WEIGHTED for i in graph.downstream(index))


def samples(site: Site) -> int:
    """Independent observations in one step: the batch, not batch times positions."""
    return site.shape[0] if site.shape and site.unit_dim not in (0, -len(site.shape)) else 1


def _sums(
    snapshot: Snapshot, site: str, what: Callable[[SiteReading], UnitSums | None]
) -> UnitSums | None:
    try:
        reading = snapshot.reading(snapshot.graph.find(site))
    except KeyError:
        return None
    return what(reading) if reading else None


def _tail(losses: Floats) -> int:
    return max(5, len(losses) // 10)


def _level(losses: Floats) -> float:
    return float(np.median(losses)) if len(losses) else float("nan")


def _fall(losses: Floats) -> float:
    """How far the first half lies above the second, in standard errors of the difference."""
    if len(losses) < MINIMUM_STEPS // 2:
        return 0.0
    first, second = np.array_split(losses, 2)
    noise = np.abs(np.diff(losses)).mean() / np.sqrt(len(losses))
    fall = float(first.mean() - second.mean())
    enough = fall > 1e-3 * abs(float(first.mean()))
    return fall / max(float(noise), 1e-12) if enough else 0.0


def _per_observation(snapshots: Sequence[Snapshot]) -> float:
    """Factor from a step's loss to its mean data loss per observation."""
    factors = [
        reading.fit / (reading.scale * reading.value)
        for snapshot in snapshots[-5:]
        if (reading := snapshot.loss) and reading.value and reading.scale
    ]
    known = [factor for factor in factors if np.isfinite(factor)]
    return float(np.median(known)) if known else float("nan")


def _targets(readings: Sequence[LossReading]) -> UnitSums:
    sums = [reading.target.sums for reading in readings if reading.target]
    return reduce(UnitSums.merge, [s for s in sums if s.units == sums[-1].units])


def _class_counts(readings: Sequence[LossReading]) -> Floats | None:
    counts: list[Ints] = [
        r.target.class_counts for r in readings if r.target and r.target.class_counts is not None
    ]
    if not counts:
        return None
    total = np.zeros(max(len(c) for c in counts))
    for count in counts:
        total[: len(count)] += count
    return total
