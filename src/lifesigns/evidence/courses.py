"""The course of a run's loss, from its trace.

The loss of every step is known; targets, predictions and the share of penalties only at recorded
steps. What is estimated from few snapshots carries its standard error along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lifesigns.evidence.constant import baseline, targets_of, targets_vary
from lifesigns.evidence.course import RANKING, Course
from lifesigns.evidence.data_loss import NEVER_NEGATIVE, data_loss, is_scaled
from lifesigns.evidence.thresholds import WEAK, Threshold
from lifesigns.records import Ints, LossReading, Trace

RISK_SETS = "risk_sets"
"""Detail of a loss that compares each sample with those before it."""
MOVED = Threshold(
    0.5,
    "deviations between early and late targets, by which most of them moved",
    "Cohen 1988: a medium difference",
)
ROUNDED = Threshold(
    1e-5, "below 0, of a loss that is 0 at the least", "arithmetic: rounding in float32"
)


def course_of(trace: Trace, stream: int = 0) -> Course:
    """The course of one stream's loss, recorded or not.

    Cost: a few passes over the losses of the run; milliseconds for a million steps.
    """
    own = trace.losses.streams == stream
    trained = trace.losses.values[own]
    shots = [s for s in trace.stream(stream) if s.loss is not None]
    readings = [s.loss for s in shots if s.loss is not None]
    known = [(s.step, s.loss) for s in shots if s.loss and is_scaled(s.loss)]
    data = data_loss(trained, trace.losses.steps[own].astype(float), known)
    level, error = baseline(readings) if known else (math.nan, math.nan)
    kind, values = readings[-1].kind if readings else "", data.values
    if data.is_open((1 - WEAK) * level):
        kind, values, known, level = "other", trained, [], math.nan
    if readings and RISK_SETS in readings[-1].details:
        kind = RANKING
    late = readings[len(readings) // 2 :]
    correlation, correlation_error = _correlation(late)
    vary = targets_vary(readings)
    finite = np.isfinite(values)
    return Course(
        curve=values[finite],
        baseline=level if vary else math.nan,
        baseline_error=error if vary else math.nan,
        correlation=correlation,
        correlation_error=correlation_error,
        output_deviation=_output_deviation(late),
        kind=kind,
        targets_vary=vary,
        nonfinite=int((~np.isfinite(trained)).sum()),
        ends_finite=not len(trained) or bool(np.isfinite(trained[-1])),
        opposed=_takes_turns(trace, stream),
        scaled=bool(known),
        crosses_zero=bool((trained < 0).any()),
        impossible=any(r.kind in NEVER_NEGATIVE and r.fit < -ROUNDED for r in readings),
        cycles=_cycles(trace, trace.losses.steps[own][finite]),
        term=readings[-1].operation if known and readings[-1].others else "",
        targets_move=_targets_move(readings),
    )


def _cycles(trace: Trace, steps: Ints) -> int:
    """In how many steps of training these losses lie; none if no step was ever made."""
    return len(np.unique(steps)) if trace.steps else 0


def _correlation(readings: Sequence[LossReading]) -> tuple[float, float]:
    known = [r for r in readings if np.isfinite(r.correlation)]
    if not known:
        return math.nan, math.nan
    observations = sum(r.input_shape[0] if r.input_shape else 1 for r in known)
    return float(np.mean([r.correlation for r in known])), 1 / math.sqrt(max(observations, 1))


def _output_deviation(readings: Sequence[LossReading]) -> float:
    """NaN where outputs or targets were not seen. Class indices count as one-hot."""
    last = readings[-1] if readings else None
    if last is None or last.prediction is None or last.target is None:
        return math.nan
    if last.places is not None and last.target.places is not None:
        wanted = float(np.sqrt(last.target.places.variance.mean()))
        return float(np.sqrt(last.places.variance.mean())) / wanted if wanted > 0 else math.nan
    wanted = 0.5 if last.target.is_index else float(np.sqrt(last.target.sums.variance.mean()))
    return float(np.sqrt(last.prediction.variance.mean())) / wanted if wanted > 0 else math.nan


def _targets_move(readings: Sequence[LossReading]) -> bool:
    """Whether targets on a scale are elsewhere in the later half, by `MOVED` of their spread."""
    valued = [r for r in readings if r.target and not r.target.is_index]
    early, late = targets_of(valued[: len(valued) // 2]), targets_of(valued[len(valued) // 2 :])
    if early is None or late is None or early.units != late.units:
        return False
    spread = np.sqrt(np.maximum(early.variance, late.variance))
    moved = np.abs(late.mean - early.mean)
    return bool(np.median(moved - MOVED * spread) > 0)


def _takes_turns(trace: Trace, stream: int) -> bool:
    """Whether steps of other losses lie between the first and the last one of this."""
    curve = trace.losses
    own = curve.steps[curve.streams == stream]
    others = curve.steps[curve.streams != stream]
    return bool(len(own)) and bool(((others > own[0]) & (others < own[-1])).any())
