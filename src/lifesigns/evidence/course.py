"""What a loss did over a run: the one answer to "did it learn?".

The loss of every step is known; targets, predictions and the share of penalties only at recorded
steps. What is estimated from few snapshots carries its standard error along. Levels are compared
with the best constant prediction where the loss was recognised, else with the start of the run.

Every rule and the report's verdict ask this one, so that they cannot contradict each other:

- `learned`: the fit is clearly better than a constant prediction.
- `learned_nothing`: it is no better, beyond doubt. Between the two the run leaves it open, until
- `hardly_learned`: a patient wait is over, and the fit is neither better nor about to be.
- `harmed`: nothing was learned and nothing is on its way, so that a possible cause may alarm.
- `harm(least)`: how grave a fit below `least` is, where the fault itself is certain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lifesigns.evidence.blocks import slope_score, standard_error
from lifesigns.evidence.course_in_words import in_words
from lifesigns.evidence.destination import loses_pace, settles_early, steps_until, went
from lifesigns.evidence.relapse import relapses
from lifesigns.evidence.thresholds import (
    ALIKE,
    ALIVE,
    CALIBRATED,
    ENOUGH_STEPS,
    FALLING,
    HARDLY_RELATED,
    JUDGED,
    LEARNED,
    NOISE,
    NOTHING,
    PATIENCE,
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
from lifesigns.records import Floats, Severity

TAIL = 0.2
"""Share of the run that counts as its end."""
FEWEST = 5
"""Steps of that end at least."""
CORRELATED_ERRORS = Threshold(
    3, "standard errors of a correlation beyond which it is more than chance", "normal: p < 0.3 %"
)
NEAR = Threshold(
    0.01,
    "share of the baseline above it from which a falling loss is about to pass it",
    CALIBRATED,
)
LONG = Threshold(
    10, "times the steps of the run, in which a falling loss has to get somewhere", CALIBRATED
)
ENTROPIES = frozenset({"cross_entropy", "binary_cross_entropy"})
"""Kinds of losses that a few confident errors lift above chance while most answers are right."""
RANKING = "ranking"
"""Kind of a loss that compares each sample with those before it, as Cox's likelihood: of the
logarithm of their number it cannot lose much, however well it fits."""
REGRESSIONS = frozenset({"squared_error", "absolute_error", "huber"})
"""Kinds of losses whose targets are numbers on a scale."""


@dataclass(frozen=True, eq=False)
class Course:
    """A loss over the run, and what it is to be compared with."""

    curve: Floats
    """Data loss of every step, finite values only, shape `[steps]`: the mean per observation and
    without penalties where the loss was recognised, else as trained."""
    baseline: float = math.nan
    """What the best constant prediction reaches on the recorded targets; NaN if unknown."""
    baseline_error: float = math.nan
    """Standard error of `baseline`."""
    correlation: float = math.nan
    """Of prediction and target, mean over the later half of the snapshots; NaN if unknown."""
    correlation_error: float = math.nan
    """Standard error of `correlation` if there is none."""
    output_deviation: float = math.nan
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
    scaled: bool = False
    """Whether `curve` is the mean per observation; else the loss as it was trained."""
    crosses_zero: bool = False
    """The loss was negative, as a policy's or a density's: it has no level, and that it stays or
    rises is no harm where a reward is the goal."""
    impossible: bool = False
    """Its data term was negative, though no loss of its kind can be."""
    cycles: int | None = None
    """Steps of training in which the losses lie, one for each by default. There are fewer where
    gradients of several backward passes are added up, and 0 where no step was made."""
    term: str = ""
    """Of a sum of data terms: the operation of the first one, which `curve` is the share of."""
    targets_move: bool = False
    """Late targets differ from early ones, as what the network makes: the level moves along."""

    # --- levels -----------------------------------------------------------------------------------
    @property
    def steps(self) -> int:
        """How many finite losses there are: one for each backward pass, see `length`."""
        return len(self.curve)

    @cached_property
    def start(self) -> float:
        """Median of the first losses (5 % of the run, at least 3); NaN without any."""
        return float(np.median(self.head)) if self.steps else math.nan

    @cached_property
    def end(self) -> float:
        """Mean of the last fifth of the run; NaN without losses."""
        return float(self.tail().mean()) if self.steps else math.nan

    @cached_property
    def end_error(self) -> float:
        """Standard error of `end`; NaN for few steps."""
        return standard_error(self.tail())

    @property
    def gain(self) -> float:
        """Share of the baseline that was learned: 0 is chance, 1 is perfect, negative is worse.

        NaN where the baseline is unknown, or 0 because all targets are the same.
        """
        return 1 - self.end / self.baseline if self._has_level else math.nan

    @property
    def gain_error(self) -> float:
        """Standard error of `gain`, the baseline's own uncertainty included."""
        error = math.hypot(self.end_error, self.baseline_error)
        return error / self.baseline if self._has_level else math.nan

    @cached_property
    def fall(self) -> float:
        """Downward slope over the last two fifths, in standard errors; positive is falling."""
        return slope_score(self.tail(2 * TAIL))

    @cached_property
    def steps_left(self) -> float:
        """Steps it would take, as it falls now, until it is clearly below a constant prediction.

        Where that is unknown: clearly below its start. Infinite if it never will be.
        """
        level = self.baseline if self._has_level else self.start
        return steps_until(self.curve, level - LEARNED * abs(level))

    @property
    def loses_pace(self) -> bool:
        """Whether it falls clearly more slowly than before."""
        return loses_pace(self.curve)

    def tail(self, share: float = TAIL) -> Floats:
        """The losses of the last `share` of the run, `FEWEST` at least."""
        return self.curve[-max(FEWEST, round(self.steps * share)) :]

    @property
    def head(self) -> Floats:
        """The losses that `start` is the median of."""
        return self.curve[: max(3, self.steps // 20)]

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
        if self.kind == RANKING:
            return went(self.curve, self.end, RESOLVED) == "fell"
        if not math.isfinite(self.gain):
            return self.direction == "fell" if self.crosses_zero else self._fell_by(2 * LEARNED)
        sure = self.correlates() or not self.gain < self._margin
        return self.gain > LEARNED and sure and not self.relapsed

    @cached_property
    def relapsed(self) -> bool:
        """A weak fit that was a better one: most of what had been gained is given back for good."""
        weak = self._has_level and not self.opposed and self.gain < WEAK
        return weak and self.ends_finite and relapses(self.curve, self.baseline)

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
            rests = not (self.fall > FALLING or (self.kind == "other" and self._fell_by(LEARNED)))
            return rests and self._says_nothing
        unfit = self.gain < RESOLVED or self.gain < self._margin
        return unfit and not self._is_on_its_way and not self._ranks_well

    @property
    def is_below_constant(self) -> bool:
        """Learned, by a level that is known: the only fall that can be called learning."""
        return self.learned and math.isfinite(self.gain) and not self.impossible

    @property
    def hardly_learned(self) -> bool:
        """After `PATIENCE` steps hardly better than a constant prediction, and not about to be.

        Where the level of a constant is not known: than at the start. Not asked of a loss whose
        level says little: of opponents, of a reward, of targets that move.
        """
        says_little = self.opposed or self.crosses_zero or self.targets_move
        if self.steps < PATIENCE or not self.ends_finite or says_little:
            return False
        related = self.correlates(RELATED) and not self.relapsed  # recorded before, more often
        open_still = self.arrives or self._settled or related
        return not (self.learned or self.rose(ROSE) or open_still)

    @property
    def falling(self) -> bool:
        """The end of the run still falls, beyond its noise."""
        return self.judged and self.ends_finite and self.fall > FALLING

    @property
    def arrives(self) -> bool:
        """Falls, and gets somewhere within `LONG` times the run."""
        return self.falling and self.steps_left / self.steps < LONG

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
        """End over start; of a loss that crosses 0, 1 and the rise over its largest early size."""
        rise, size = self.end - self.start, abs(self.start)
        if self.crosses_zero:
            size = float(np.abs(self._early).max())
        return 1 + rise / size if size else math.copysign(math.inf, rise)

    def rose(self, factor: float) -> bool:
        """Ends at more than `factor` times its start, beyond its noise and above the baseline."""
        early = self._early
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

    def harm(self, least: float = WEAK, *, alarms: bool = False) -> Severity:
        """How grave it is, where a fault is certain, that the fit stays below `least`.

        Args:
            least: Share of the baseline learned from which the fault did no harm.
            alarms: Whether it is a warning even then: no program means it.

        Returns:
            A note if the run fits its targets or is too short to tell; else a warning or, where
            nothing at all was learned, an error.
        """
        grave = self._grave(least)
        return Severity.WARNING if alarms and grave is Severity.NOTE else grave

    def _grave(self, least: float) -> Severity:
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
    @property
    def direction(self) -> str:
        """Where the loss went, beyond its noise: `fell`, `rose`, or `stayed level`."""
        return went(self.curve, self.end, LEARNED) if self.judged else "stayed level"

    def __str__(self) -> str:
        """The course in words, for `measured`."""
        return in_words(self)

    @property
    def remark(self) -> str:
        """The course as a clause behind others; empty for a run too short to say anything."""
        return f"; {self}" if self.judged else ""

    # --- parts of the answer ----------------------------------------------------------------------
    @property
    def _early(self) -> Floats:
        return self.curve[: max(FEWEST, self.steps // 5)]

    @property
    def _has_level(self) -> bool:
        return self.baseline > 0 and self.targets_vary

    def _fell_by(self, share: float) -> bool:
        return self.start - self.end > share * abs(self.start)

    @property
    def _is_on_its_way(self) -> bool:
        """At chance level now, but falling below it, with outputs that differ between inputs."""
        return -self.gain < NEAR and self.arrives and not self.output_deviation < ALIVE

    @property
    def _settled(self) -> bool:
        """Fell by much in the first tenth of the run and has been level since.

        A simple fit is found that early. So is the level of a constant: of classes, whose constant
        is known, that is nothing.
        """
        is_told = self.kind in ENTROPIES or self.gain < RESOLVED
        return not is_told and settles_early(self.curve)

    @property
    def _ranks_well(self) -> bool:
        """Cross-entropy can be far above chance from a few confident errors while most is right.

        That takes training: an untrained output may correlate with the targets by chance.
        """
        sure = self._fell_by(LEARNED) and self.correlates(RELATED)
        return self.kind in ENTROPIES and self.gain < -LEARNED and sure

    @property
    def _margin(self) -> float:
        """The gain that is beyond chance: a larger one where the outputs say nothing of it."""
        return (CORRELATED_ERRORS if self._says_nothing else SURE) * self.gain_error

    @property
    def _says_nothing(self) -> bool:
        """Whether it is known that outputs and targets hardly correlate."""
        known = CORRELATED_ERRORS * self.correlation_error < RELATED
        return known and abs(self.correlation) < HARDLY_RELATED
