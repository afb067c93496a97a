"""Whether a run's fit is no better than a constant prediction, and what that may be due to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.records import WEIGHTED, Kind, LossReading, Severity, Trace
from lifesigns.rules import _suspects
from lifesigns.rules._evidence import is_hidden, streams
from lifesigns.rules._loss_trend import Trend, target_varies, trend
from lifesigns.rules._suspects import Suspect, suspects

SUSPECTS = (
    _suspects.heavy_dropout,
    _suspects.unscaled_input,
    _suspects.unscaled_target,
    _suspects.rate_too_high,
    _suspects.silent_layer,
    _suspects.saturated_layer,
    _suspects.faded_gradient,
    _suspects.no_gradient,
    _suspects.rate_too_low,
)
"""In the order of how directly each explains a flat loss."""
ENTROPIES = ("cross_entropy", "binary_cross_entropy")
BENDS = frozenset(
    {Kind.ACTIVATION, Kind.SOFTMAX, Kind.RECURRENT, Kind.ATTENTION, Kind.OTHER, Kind.OPAQUE}
    | {Kind.POOLING, Kind.NORM, Kind.EMBEDDING}
)
"""What makes a network more than a linear map; where it cannot be told, it is taken for that."""
STEPS = 40
"""Steps before anything is said."""
SURE_STEPS = 100
"""Steps from which it is an error."""
PATIENCE = 250
"""Steps before an alarm without a cause in evidence: a healthy network may rest that long."""
GAIN = 0.002
"""Least share below the constant prediction's loss; float32 losses resolve little more."""
FALL = 4.0
"""Standard errors of the slope from which a loss is called falling (p < 1e-4)."""
SPREAD = 1e-3
"""Output spread over target spread below which a network says the same for every input."""
IMPROVED = 0.05
"""Share of the loss that is more than noise, as in `progress`."""
CORRELATION = 0.3
"""Of prediction and target: medium (Cohen 1988)."""


@dataclass(frozen=True, eq=False)
class Flat:
    """A stream whose fit is no better than a constant prediction."""

    stream: int
    course: Trend
    severity: Severity
    suspects: Sequence[Suspect]
    """Those with evidence of their own; empty if inputs, updates and gradients look healthy."""
    bends: bool
    """Whether anything in the network is not linear, apart from its output."""


def flat_streams(trace: Trace) -> Iterator[Flat]:
    """The flat ones; several losses in turn (a GAN) have no level to be judged by."""
    if trace.losses.stream_count > 1:
        return
    for stream in streams(trace):
        course = trend(trace, stream)
        readings = [s.loss for s in trace.stream(stream) if s.loss]
        long_enough = course.steps >= STEPS and not _ends_nonfinite(trace, stream)
        if long_enough and readings and _learned_nothing(course, readings):
            found = suspects(trace, stream, course, SUSPECTS)
            severity = _severity(course, found)
            yield Flat(stream, course, severity, found, bends(trace, stream))


def is_falling(course: Trend) -> bool:
    """Whether the end of the run still falls, beyond its noise."""
    return course.fall > FALL


def _learned_nothing(course: Trend, readings: Sequence[LossReading]) -> bool:
    kind = readings[-1].kind
    if readings[-1].ignored_all or not target_varies(readings) or course.rose(2.0):
        return False
    if not np.isfinite(course.gain):
        return _unrelated(course, kind)
    unfit = course.gain < max(GAIN, 2 * course.gain_error)
    return unfit and not _on_its_way(course) and not _ranks_well(course, kind)


def _on_its_way(course: Trend) -> bool:
    """At chance level now, but falling below it, with outputs that differ between inputs."""
    alive = not course.output_spread < SPREAD
    return course.gain > -0.01 and is_falling(course) and alive


def _ranks_well(course: Trend, kind: str) -> bool:
    """Cross-entropy can be far above chance from a few confident errors while most is right.

    That takes training: an untrained output may correlate with the targets by chance.
    """
    improved = course.end < (1 - IMPROVED) * course.start
    sure = improved and course.correlation > max(CORRELATION, 3 * course.correlation_error)
    return kind in ENTROPIES and course.gain < -0.05 and sure


def _unrelated(course: Trend, kind: str) -> bool:
    """Without a known level: the loss has stopped falling, and outputs say nothing of targets."""
    known = 3 * course.correlation_error < CORRELATION
    small = known and abs(course.correlation) < 0.5 * CORRELATION
    fell = course.start - course.end > 0.05 * abs(course.start)
    return small and not is_falling(course) and (kind != "other" or not fell)


def _ends_nonfinite(trace: Trace, stream: int) -> bool:
    losses = trace.losses.stream(stream)
    return len(losses) > 0 and not np.isfinite(losses[-1])


def _severity(course: Trend, found: Sequence[Suspect]) -> Severity:
    """Short runs alarm only with a cause in evidence: a healthy network may need that long."""
    sinking = is_falling(course)
    patient = course.steps >= PATIENCE
    near = not course.gain < -IMPROVED
    related = near and course.correlation > max(0.15, 3 * course.correlation_error)
    if not patient and (sinking or not found):
        return Severity.NOTE
    if not found and related:
        return Severity.NOTE
    unsure = course.gain > 0.02 or course.steps < SURE_STEPS
    return Severity.WARNING if sinking or unsure else Severity.ERROR


def bends(trace: Trace, stream: int) -> bool:
    """Whether anything in the network is not linear, apart from its output."""
    last = trace.stream(stream)[-1]
    graph = last.graph
    if last.coverage.opaque or not graph.of_kind(*WEIGHTED):
        return True
    return any(
        site.kind in BENDS and is_hidden(graph, i) for i, site in enumerate(graph.sites)
    ) or (bool(graph.of_kind(Kind.RECURRENT)))
