"""Questions on the course of a loss, with intervals: did it fall, is it falling, what is chance.

The loss of every step is known; targets, prediction and the share of penalties only at recorded
steps. What is estimated from few snapshots carries its standard error along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from lifesigns.functions import constant_loss
from lifesigns.records import Floats, LossReading, Trace, UnitSums

BLOCKS = 10
"""Averages over blocks of steps stand for independent observations (batch means)."""
TAIL = 0.2
"""Share of the run that counts as its end."""
STEADY = 10.0
"""Standard errors of the slope that only a loss without batch noise, or a steep one, reaches."""
NOTHING = 0.02
"""Share of the baseline learned below which nothing is said to be learned."""
ENOUGH = 10
"""Observations per class from which frequencies are trusted."""
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Trend:
    """A loss curve and what it is to be compared with."""

    curve: Floats
    """Data loss of every step, finite values only: per observation and without penalties where
    the loss was recognised, else as trained."""
    baseline: float
    """What the best constant prediction reaches on the recorded targets; NaN if unknown."""
    baseline_error: float
    correlation: float
    """Of prediction and target, mean over the later half of the snapshots; NaN if unknown."""
    correlation_error: float
    output_spread: float
    """Standard deviation of the outputs over inputs, in those of the targets (last snapshot)."""

    @property
    def steps(self) -> int:
        """How many finite losses there are."""
        return len(self.curve)

    @property
    def start(self) -> float:
        """Median of the first losses (5 % of the run, at least 3)."""
        return float(np.median(self.curve[: max(3, self.steps // 20)])) if self.steps else NAN

    @property
    def end(self) -> float:
        """Mean of the last fifth of the run."""
        return float(self._tail(TAIL).mean()) if self.steps else NAN

    @property
    def end_error(self) -> float:
        """Standard error of `end`."""
        means = block_means(self._tail(TAIL))
        return float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else NAN

    @property
    def gain(self) -> float:
        """Share of the baseline that was learned: 0 is chance, 1 is perfect, negative is worse."""
        return 1 - self.end / self.baseline if self.baseline > 0 else NAN

    @property
    def gain_error(self) -> float:
        """Standard error of `gain`, the baseline's own uncertainty included."""
        known = self.baseline > 0
        return math.hypot(self.end_error, self.baseline_error) / self.baseline if known else NAN

    @property
    def fall(self) -> float:
        """Downward slope over the last two fifths, in standard errors; positive is falling."""
        return slope_score(self._tail(2 * TAIL))

    @property
    def creeps(self) -> bool:
        """Falls without a break, and is still no better than a constant prediction."""
        related = self.correlation > 0.5  # a classifier may rank well above chance level
        return self.fall > STEADY and self.gain < NOTHING and not related

    def rose(self, factor: float) -> bool:
        """Ends at more than `factor` times its start, beyond its noise and above the baseline."""
        early = self.curve[: max(5, self.steps // 5)]
        noise = float(np.median(np.abs(np.diff(early)))) if len(early) > 1 else 0.0
        rise = self.end - self.start
        high = rise > (factor - 1) * abs(self.start) and rise > 4 * noise
        return high and not self.end < self.baseline

    def _tail(self, share: float) -> Floats:
        return self.curve[-max(5, round(self.steps * share)) :]


def trend(trace: Trace, stream: int = 0) -> Trend:
    """The course of one stream's loss."""
    values = trace.losses.stream(stream)
    shots = [s for s in trace.stream(stream) if s.loss is not None]
    readings = [s.loss for s in shots if s.loss is not None]
    known = [(s.step, s.loss) for s in shots if s.loss and _is_scaled(s.loss)]
    if known:
        steps = trace.losses.steps[trace.losses.streams == stream]
        scale = float(np.median([reading.scale for _, reading in known]))
        values = (values - _penalties(known, steps.astype(float))) / scale
    baseline, error = _baseline(readings) if known else (NAN, NAN)
    late = readings[len(readings) // 2 :]
    return Trend(values[np.isfinite(values)], baseline, error, *_correlation(late), _spread(late))


def block_means(values: Floats) -> Floats:
    """Means of at most `BLOCKS` blocks of at least 3 steps."""
    blocks = np.array_split(values, max(1, min(BLOCKS, len(values) // 3)))
    return np.array([block.mean() for block in blocks if len(block)])


def slope_score(values: Floats) -> float:
    """Least-squares slope of the block means over its standard error, sign reversed.

    0 for fewer than 4 blocks. A straight fall without any noise scores very high.
    """
    means = block_means(values)
    if len(means) < 4:
        return 0.0
    centres = block_means(np.arange(len(values), dtype=float))
    x = centres - centres.mean()
    slope = float((x * means).sum() / (x**2).sum())
    rest = means - means.mean() - slope * x
    error = math.sqrt(float((rest**2).sum()) / (len(means) - 2) / float((x**2).sum()))
    floor = 1e-7 * abs(float(means.mean())) / len(values)  # float32 losses resolve no more
    return -slope / max(error, floor, 1e-300)


def targets_of(readings: Sequence[LossReading]) -> UnitSums | None:
    """The targets of all readings together; None if there are none."""
    sums = [reading.target.sums for reading in readings if reading.target]
    alike = [s for s in sums if s.units == sums[-1].units]
    return reduce(UnitSums.merge, alike) if alike else None


def class_counts(readings: Sequence[LossReading]) -> Floats | None:
    """How often each class occurred in all readings together; None if classes are not known."""
    counts = [
        r.target.class_counts for r in readings if r.target and r.target.class_counts is not None
    ]
    if not counts:
        return None
    total = np.zeros(max(len(count) for count in counts))
    for count in counts:
        total[: len(count)] += count
    return total


def target_varies(readings: Sequence[LossReading]) -> bool:
    """Whether the targets differ between observations."""
    sums = targets_of(readings)
    return sums is not None and bool((sums.spread > 0).any())


def _is_scaled(reading: LossReading) -> bool:
    return bool(np.isfinite(reading.fit) and np.isfinite(reading.value) and reading.scale > 0)


def _penalties(known: Sequence[tuple[int, LossReading]], steps: Floats) -> Floats:
    """What is not data loss, at every step, from the recorded ones.

    Weight decay shrinks penalties geometrically, so their logarithm is interpolated, and its last
    slope continues after the last recorded step.
    """
    at = np.array([step for step, _ in known], float)
    size = np.array([reading.value - reading.fit for _, reading in known])
    if len(at) < 2 or size.min() <= 0 or at[-1] == at[-2]:
        flat: Floats = np.interp(steps, at, size)
        return flat
    level = np.log(size)
    slope = min((level[-1] - level[-2]) / (at[-1] - at[-2]), 0.0)
    beyond = np.maximum(steps - at[-1], 0.0)
    return np.asarray(np.exp(np.interp(steps, at, level) + slope * beyond))


def _baseline(readings: Sequence[LossReading]) -> tuple[float, float]:
    """The constant prediction's loss on all recorded targets, and its standard error."""
    seen = [reading for reading in readings if reading.target and not reading.ignored_all]
    merged = targets_of(seen)
    if merged is None:
        return NAN, NAN
    each = [constant_loss(r.kind, r.target.sums, r.target.class_counts) for r in seen if r.target]
    error = float(np.std(each, ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else 0.0
    if seen[-1].kind == "cross_entropy":
        return _class_entropy(seen, merged), error
    return constant_loss(seen[-1].kind, merged), error


def _class_entropy(seen: Sequence[LossReading], targets: UnitSums) -> float:
    """The classes' entropy, corrected for the sample (Miller & Madow 1955: + (K - 1) / 2n).

    With few observations per class it cannot be told from the sample: then that of equally
    frequent classes, which is never too low.
    """
    counts = class_counts(seen)
    entropy = constant_loss("cross_entropy", targets, counts)
    if counts is None:
        return entropy
    classes, n = int((counts > 0).sum()), float(counts.sum())
    if n >= ENOUGH * classes:
        return entropy + (classes - 1) / (2 * n)
    prediction = seen[-1].prediction
    return math.log(max(classes, prediction.units if prediction else 0, len(counts)))


def _correlation(readings: Sequence[LossReading]) -> tuple[float, float]:
    known = [r for r in readings if np.isfinite(r.correlation)]
    if not known:
        return NAN, NAN
    observations = sum(r.input_shape[0] if r.input_shape else 1 for r in known)
    return float(np.mean([r.correlation for r in known])), 1 / math.sqrt(max(observations, 1))


def _spread(readings: Sequence[LossReading]) -> float:
    """NaN where outputs or targets were not seen. Class indices count as one-hot."""
    last = readings[-1] if readings else None
    if last is None or last.prediction is None or last.target is None:
        return NAN
    wanted = 0.5 if last.target.is_index else float(np.sqrt(last.target.sums.variance.mean()))
    return float(np.sqrt(last.prediction.variance.mean())) / wanted if wanted > 0 else NAN
