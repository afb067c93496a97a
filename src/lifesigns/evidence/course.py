"""What a loss did over a run: the one answer to "did it learn?".

The loss of every step is known; targets, predictions and the share of penalties only at recorded
steps. What is estimated from few snapshots carries its standard error along. Levels are compared
with the best constant prediction where the loss was recognised, else with the start of the run.

Every rule and the report's verdict ask this one, so that they cannot contradict each other:

- `learned`: the fit is clearly better than a constant prediction.
- `learned_nothing`: it is no better, beyond doubt. Between the two the run leaves it open.
- `harmed`: nothing was learned and nothing is on its way, so that a possible cause may alarm.
- `harm(least)`: how grave a fit below `least` is, where the fault itself is certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lifesigns.evidence.blocks import slope_score, standard_error
from lifesigns.evidence.constant import baseline, targets_vary
from lifesigns.evidence.thresholds import (
    ALIKE,
    ALIVE,
    CALIBRATED,
    ENOUGH_STEPS,
    FALLING,
    HARDLY_RELATED,
    JUDGED,
    LEARNED,
    NOTHING,
    RANKS,
    RELATED,
    RESOLVED,
    ROSE,
    STEADY,
    SURE,
    SURE_STEPS,
    WEAK,
    Threshold,
)
from lifesigns.records import Floats, LossReading, Severity, Trace

TAIL = 0.2
"""Share of the run that counts as its end."""
FEWEST = 5
"""Steps of that end at least."""
CORRELATED_ERRORS = Threshold(
    3, "standard errors of a correlation beyond which it is more than chance", "normal: p < 0.3 %"
)
NOISE = Threshold(
    4,
    "times the median change from step to step, by which a rise stands out",
    "arithmetic: 3.8 standard deviations of normal noise, whose median change is 0.95 of one",
)
NEAR = Threshold(
    0.01,
    "share of the baseline above it from which a falling loss is about to pass it",
    CALIBRATED,
)
ENTROPIES = frozenset({"cross_entropy", "binary_cross_entropy"})
"""Kinds of losses that a few confident errors lift above chance while most answers are right."""
REGRESSIONS = frozenset({"squared_error", "absolute_error", "huber"})
"""Kinds of losses whose targets are numbers on a scale."""
NAN = math.nan


@dataclass(frozen=True, eq=False)
class Course:
    """A loss over the run, and what it is to be compared with."""

    curve: Floats
    """Data loss of every step, finite values only, shape `[steps]`: the mean per observation and
    without penalties where the loss was recognised, else as trained."""
    baseline: float = NAN
    """What the best constant prediction reaches on the recorded targets; NaN if unknown."""
    baseline_error: float = NAN
    """Standard error of `baseline`."""
    correlation: float = NAN
    """Of prediction and target, mean over the later half of the snapshots; NaN if unknown."""
    correlation_error: float = NAN
    """Standard error of `correlation` if there is none."""
    output_deviation: float = NAN
    """Standard deviation of the outputs over inputs, in those of the targets (last snapshot)."""
    kind: str = ""
    """What the loss was recognised as, e.g. `cross_entropy`; empty where no loss was read."""
    targets_vary: bool = False
    """Whether the recorded targets differ, so that there is something to learn."""
    nonfinite: int = 0
    """Steps whose loss was NaN or infinite."""
    ends_finite: bool = True
    """Whether the last loss was finite."""
    opposed: bool = False
    """Other losses took turns with it (adversaries): that it stays level, or rises, is no harm."""

    # --- levels -----------------------------------------------------------------------------------
    @property
    def steps(self) -> int:
        """How many finite losses there are."""
        return len(self.curve)

    @cached_property
    def start(self) -> float:
        """Median of the first losses (5 % of the run, at least 3); NaN without any."""
        return float(np.median(self.curve[: max(3, self.steps // 20)])) if self.steps else NAN

    @cached_property
    def end(self) -> float:
        """Mean of the last fifth of the run; NaN without losses."""
        return float(self.tail(TAIL).mean()) if self.steps else NAN

    @cached_property
    def end_error(self) -> float:
        """Standard error of `end`; NaN for few steps."""
        return standard_error(self.tail(TAIL))

    @property
    def gain(self) -> float:
        """Share of the baseline that was learned: 0 is chance, 1 is perfect, negative is worse.

        NaN where the baseline is unknown, or 0 because all targets are the same.
        """
        return 1 - self.end / self.baseline if self._has_level else NAN

    @property
    def gain_error(self) -> float:
        """Standard error of `gain`, the baseline's own uncertainty included."""
        error = math.hypot(self.end_error, self.baseline_error)
        return error / self.baseline if self._has_level else NAN

    @cached_property
    def fall(self) -> float:
        """Downward slope over the last two fifths, in standard errors; positive is falling."""
        return slope_score(self.tail(2 * TAIL))

    def tail(self, share: float) -> Floats:
        """The losses of the last `share` of the run, `FEWEST` at least."""
        return self.curve[-max(FEWEST, round(self.steps * share)) :]

    # --- did it learn? ----------------------------------------------------------------------------
    @property
    def judged(self) -> bool:
        """Whether the run is long enough to say anything."""
        return self.steps >= JUDGED

    @property
    def learned(self) -> bool:
        """Clearly better than the best constant prediction (where unknown: than at the start)."""
        if not self.judged or not self.ends_finite:
            return False
        if not math.isfinite(self.gain):
            return self._fell_by(2 * LEARNED)
        sure = self.correlates() or not self.gain < SURE * self.gain_error
        return self.gain > LEARNED and sure

    @property
    def learned_nothing(self) -> bool:
        """No better than a constant prediction beyond doubt, and not about to be.

        Asked of runs of `ENOUGH_STEPS`. Where the level of a constant is not known: the loss has
        stopped falling, and the outputs say nothing of the targets.
        """
        asked = self.steps >= ENOUGH_STEPS and self.ends_finite and self.targets_vary
        if not asked or self.rose(ROSE) or self.learned:
            return False
        if not math.isfinite(self.gain):
            return self._is_unrelated
        unfit = self.gain < RESOLVED or self.gain < SURE * self.gain_error
        return unfit and not self._is_on_its_way and not self._ranks_well

    @property
    def falling(self) -> bool:
        """The end of the run still falls, beyond its noise."""
        return self.judged and self.ends_finite and self.fall > FALLING

    @property
    def creeps(self) -> bool:
        """Falls without a break, and is still no better than a constant prediction."""
        related = self.correlation > RANKS  # a classifier may rank well above chance level
        return self.fall > STEADY and self.gain < NOTHING and not related

    @property
    def diverged(self) -> bool:
        """The loss became non-finite for good, or ended far above its start.

        Opponents may well lift each other's losses.
        """
        return not self.ends_finite or (self.judged and not self.opposed and self.rose(ROSE))

    @property
    def worse_than_constant(self) -> bool:
        """The loss is clearly above that of the best constant prediction."""
        return self.judged and self.gain < -LEARNED

    @property
    def stalled(self) -> bool:
        """Nothing was learned, and the loss is on its way neither down nor up."""
        moves = self.falling and not abs(self.gain) < RESOLVED
        return self.judged and not (moves or self.learned or self.diverged or self.opposed)

    @property
    def growth(self) -> float:
        """End over start; of a negative start, 1 and the rise over its size."""
        rise = self.end - self.start
        return 1 + rise / abs(self.start) if self.start else math.copysign(math.inf, rise)

    def rose(self, factor: float) -> bool:
        """Ends at more than `factor` times its start, beyond its noise and above the baseline."""
        early = self.curve[: max(FEWEST, self.steps // 5)]
        noise = float(np.median(np.abs(np.diff(early)))) if len(early) > 1 else 0.0
        clear = self.end - self.start > NOISE * noise
        return self.growth > factor and clear and not self.end < self.baseline

    def correlates(self, least: float = 0.0) -> bool:
        """Whether prediction and target correlate beyond chance, and by more than `least`."""
        return self.correlation > max(least, CORRELATED_ERRORS * self.correlation_error)

    # --- the harm ---------------------------------------------------------------------------------
    @property
    def harmed(self) -> bool:
        """Nothing was learned and nothing is on its way: a possible cause may alarm.

        Stalled, diverged, one output for all inputs, or worse than a constant. A cross-entropy
        worse than a constant's may come from few confident errors: not if the outputs correlate
        with the targets.
        """
        if self.learned or self.opposed or not self.judged:
            return not self.ends_finite
        alike = self.output_deviation < ALIKE
        worse = self.worse_than_constant and not self.correlates(RELATED)
        return self.stalled or self.diverged or alike or worse

    def harm(self, least: float = WEAK) -> Severity:
        """How grave it is, where a fault is certain, that the fit stays below `least`.

        Args:
            least: Share of the baseline learned from which the fault did no harm.

        Returns:
            A note if the run fits its targets or is too short to tell; else a warning or, where
            nothing at all was learned, an error.
        """
        if not self.ends_finite:
            return Severity.ERROR
        if self.steps < ENOUGH_STEPS or self.opposed or self.correlation > RANKS:
            return Severity.NOTE
        if not math.isfinite(self.gain):
            return Severity.WARNING if self.harmed else Severity.NOTE
        if self.gain > least:
            return Severity.NOTE
        nothing = self.steps >= SURE_STEPS and self.gain < NOTHING
        return Severity.ERROR if nothing else Severity.WARNING

    # --- in words ---------------------------------------------------------------------------------
    def __str__(self) -> str:
        """The course in words, for `measured`."""
        if not self.ends_finite:
            return f"the loss started at {self.start:.3g} and became non-finite"
        text = f"the loss went from {self.start:.3g} to {self.end:.3g} in {self.steps} steps"
        if math.isfinite(self.baseline):
            text += f", a constant prediction reaches {self.baseline:.3g}"
        return text

    @property
    def remark(self) -> str:
        """The course as a clause behind others; empty for a run too short to say anything."""
        return f"; {self}" if self.judged else ""

    # --- parts of the answer ----------------------------------------------------------------------
    @property
    def _has_level(self) -> bool:
        return self.baseline > 0 and self.targets_vary

    def _fell_by(self, share: float) -> bool:
        return self.start - self.end > share * abs(self.start)

    @property
    def _is_on_its_way(self) -> bool:
        """At chance level now, but falling below it, with outputs that differ between inputs."""
        alive = not self.output_deviation < ALIVE
        return -self.gain < NEAR and self.fall > FALLING and alive

    @property
    def _ranks_well(self) -> bool:
        """Cross-entropy can be far above chance from a few confident errors while most is right.

        That takes training: an untrained output may correlate with the targets by chance.
        """
        sure = self._fell_by(LEARNED) and self.correlates(RELATED)
        return self.kind in ENTROPIES and self.gain < -LEARNED and sure

    @property
    def _is_unrelated(self) -> bool:
        known = CORRELATED_ERRORS * self.correlation_error < RELATED
        small = known and abs(self.correlation) < HARDLY_RELATED
        fell = self._fell_by(LEARNED)
        return small and not self.fall > FALLING and (self.kind != "other" or not fell)


def course_of(trace: Trace, stream: int = 0) -> Course:
    """The course of one stream's loss, recorded or not.

    Cost: a few passes over the losses of the run; milliseconds for a million steps.
    """
    own = trace.losses.streams == stream
    trained = trace.losses.values[own]
    shots = [s for s in trace.stream(stream) if s.loss is not None]
    readings = [s.loss for s in shots if s.loss is not None]
    known = [(s.step, s.loss) for s in shots if s.loss and _is_scaled(s.loss)]
    values = _data_loss(trained, trace.losses.steps[own].astype(float), known)
    level, error = baseline(readings) if known else (NAN, NAN)
    late = readings[len(readings) // 2 :]
    correlation, correlation_error = _correlation(late)
    finite = np.isfinite(values)
    return Course(
        curve=values[finite],
        baseline=level,
        baseline_error=error,
        correlation=correlation,
        correlation_error=correlation_error,
        output_deviation=_output_deviation(late),
        kind=readings[-1].kind if readings else "",
        targets_vary=targets_vary(readings),
        nonfinite=int((~np.isfinite(trained)).sum()),
        ends_finite=not len(trained) or bool(np.isfinite(trained[-1])),
        opposed=_takes_turns(trace, stream),
    )


def _is_scaled(reading: LossReading) -> bool:
    return bool(np.isfinite(reading.fit) and np.isfinite(reading.value) and reading.scale > 0)


def _data_loss(trained: Floats, steps: Floats, known: Sequence[tuple[int, LossReading]]) -> Floats:
    """The losses without their penalties, per observation; as trained where nothing is known."""
    if not known:
        return trained
    scale = float(np.median([reading.scale for _, reading in known]))
    return np.asarray((trained - _penalties(known, steps)) / scale)


def _penalties(known: Sequence[tuple[int, LossReading]], steps: Floats) -> Floats:
    """What is not data loss, at every step, from the recorded ones.

    Weight decay shrinks penalties geometrically, so their logarithm is interpolated, and its last
    slope continues after the last recorded step.
    """
    at = np.array([step for step, _ in known], float)
    size = np.array([reading.value - reading.fit for _, reading in known])
    if len(at) < 2 or size.min() <= 0 or at[-1] == at[-2]:
        return np.asarray(np.interp(steps, at, size))
    level = np.log(size)
    slope = min((level[-1] - level[-2]) / (at[-1] - at[-2]), 0.0)
    beyond = np.maximum(steps - at[-1], 0.0)
    return np.asarray(np.exp(np.interp(steps, at, level) + slope * beyond))


def _correlation(readings: Sequence[LossReading]) -> tuple[float, float]:
    known = [r for r in readings if np.isfinite(r.correlation)]
    if not known:
        return NAN, NAN
    observations = sum(r.input_shape[0] if r.input_shape else 1 for r in known)
    return float(np.mean([r.correlation for r in known])), 1 / math.sqrt(max(observations, 1))


def _output_deviation(readings: Sequence[LossReading]) -> float:
    """NaN where outputs or targets were not seen. Class indices count as one-hot."""
    last = readings[-1] if readings else None
    if last is None or last.prediction is None or last.target is None:
        return NAN
    if last.places is not None and last.target.places is not None:
        wanted = float(np.sqrt(last.target.places.variance.mean()))
        return float(np.sqrt(last.places.variance.mean())) / wanted if wanted > 0 else NAN
    wanted = 0.5 if last.target.is_index else float(np.sqrt(last.target.sums.variance.mean()))
    return float(np.sqrt(last.prediction.variance.mean())) / wanted if wanted > 0 else NAN


def _takes_turns(trace: Trace, stream: int) -> bool:
    """Whether steps of other losses lie between the first and the last one of this."""
    curve = trace.losses
    own = curve.steps[curve.streams == stream]
    others = curve.steps[curve.streams != stream]
    return bool(len(own)) and bool(((others > own[0]) & (others < own[-1])).any())
