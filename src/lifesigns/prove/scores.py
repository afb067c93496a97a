"""What one training came to: its score, what it learned, and what is still wrong with it.

Losses are never compared: a remedy may change the loss itself. What is compared is what the script
prints about itself, or, where nothing was asked for, how prediction and target correlate: 0 for a
constant, 1 for perfect, whatever the loss.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lifesigns._errors import UsageError, cut
from lifesigns.evidence.courses import course_of
from lifesigns.prove.arm import REPORT, Arm
from lifesigns.records import LossCurve, Severity, TargetReading, Trace
from lifesigns.report.verdict import alarms
from lifesigns.rules import judge

MARGIN = 0.05
"""By how much one arm must be better than another: 5 points of a share, 5 % of any other number."""
LAST = 1 / 3
"""The part of a run whose recorded steps say what it has learned."""
FINISHED = "finished"
"""How an arm ended that nothing broke off."""
TABLE = 2
"""Dimensions of what a loss is given where each sample has one class."""
RECORDED = 100
"""Steps that are recorded of each arm, about: enough to tell what was learned."""


@dataclass(frozen=True)
class Measure:
    """How a training is scored.

    Raises:
        UsageError: The metric looks like a regular expression, but is none with one group.
    """

    metric: str = ""
    """What the script prints: a key of its last line of JSON, or a regular expression with one
    group, of which the last match counts. Empty: the correlation of prediction and target."""
    lower_is_better: bool = False
    margin: float = MARGIN
    """Of the larger score, and at least of 1."""
    noise: float = 0.0
    """What identical arms may differ by, in the unit of the score."""
    label: str = ""
    """What the script calls it, where nobody asked for a metric."""
    beside: Measure | None = None
    """What the script prints of itself, where that is not the score: it is not to become worse."""

    def __post_init__(self) -> None:
        if "(" not in self.metric:
            return
        try:
            groups = re.compile(self.metric).groups
        except re.error as error:
            raise UsageError(
                f"The metric {self.metric!r} is no regular expression: {error}."
            ) from error
        if groups != 1:
            raise UsageError(f"The metric {self.metric!r} has {groups} groups; expected one.")

    @property
    def name(self) -> str:
        """What is compared, in words."""
        return (
            self.label
            or self.metric
            or "correlation of prediction and target on the training batches"
        )

    def score(self, arm: Arm) -> float:
        """The score of an arm; NaN if it has none.

        Args:
            arm: One that has ended.
        """
        if not self.metric:
            return skill(arm.trace) if arm.trace is not None else math.nan
        found = _number(_printed(self.metric, arm.end.output))
        return found if math.isfinite(found) else math.nan

    def is_missing(self, arm: Arm) -> bool:
        """Whether an arm that nothing went wrong with has printed nothing for the metric.

        Args:
            arm: One that has ended.
        """
        if not self.metric or arm.how != FINISHED or arm.trace is None:
            return False
        is_finite = bool(np.isfinite(arm.trace.losses.values).all())
        return is_finite and not _printed(self.metric, arm.end.output)

    def gain(self, faulty: float, other: float) -> float:
        """By how much the second score is better; infinite where only it is a number.

        Args:
            faulty: NaN if the run gave no finite score, which is the worst of all.
            other: Likewise.
        """
        if math.isnan(other):
            return -math.inf
        if math.isnan(faulty):
            return math.inf
        return faulty - other if self.lower_is_better else other - faulty

    def is_better(self, faulty: float, other: float) -> bool:
        """Whether the second score is better by more than the margin.

        Args:
            faulty: Of an arm without the remedy.
            other: Of one with it.

        Example:
            >>> Measure().is_better(0.10, 0.14), Measure().is_better(0.10, 0.16)
            (False, True)
        """
        size = max((abs(s) for s in (faulty, other) if math.isfinite(s)), default=0.0)
        return self.gain(faulty, other) > max(self.margin * max(size, 1.0), self.noise)

    def preferred(self, scores: Sequence[float]) -> int:
        """Which of several scores to take: the first, unless a later one is clearly better.

        Args:
            scores: At least one.

        Example:
            >>> Measure().preferred([0.60, 0.62, 0.90, 0.94])
            2
        """
        taken = 0
        for number, score in enumerate(scores):
            taken = number if self.is_better(scores[taken], score) else taken
        return taken

    def wider(self, noise: float) -> Measure:
        """The same with a margin of at least this much.

        Args:
            noise: In the unit of the score.
        """
        return replace(self, noise=noise)


@dataclass(frozen=True)
class Scored:
    """What one arm came to."""

    score: float
    """NaN where it has none: it failed, or its predictions are not finite."""
    skill: float
    """Correlation of prediction and target at the end; NaN where no loss could be read."""
    alarms: tuple[str, ...] = ()
    """The rules that alarm, the most probable cause first."""
    errors: tuple[str, ...] = ()
    """Those of them that say that it cannot learn."""
    how: str = FINISHED
    losses: LossCurve = field(default_factory=LossCurve, compare=False)
    printed: float = math.nan
    """What the script prints of itself, where that is not the score; NaN if nothing."""

    @property
    def has_several_losses(self) -> bool:
        """Whether several losses were trained in turn."""
        return len(self.losses.numbers) > 1

    @classmethod
    def of(cls, arm: Arm, measure: Measure) -> Scored:
        """Scores an arm that has ended.

        Args:
            arm: Of any end.
            measure: How it is scored.
        """
        trace = Trace() if arm.trace is None else arm.trace
        printed = math.nan if measure.beside is None else measure.beside.score(arm)
        return replace(cls.judged(measure.score(arm), trace, arm.how), printed=printed)

    @classmethod
    def judged(cls, score: float, trace: Trace, how: str = FINISHED) -> Scored:
        """Judges a run whose score is known.

        Args:
            score: NaN if it has none.
            trace: What was recorded of it.
            how: How it ended.
        """
        found = alarms(judge(trace))
        rules = tuple(dict.fromkeys(finding.rule for finding in found))
        errors = tuple(f.rule for f in found if f.severity is Severity.ERROR)
        return cls(score, skill(trace), rules, errors, how, trace.losses)


def shortcoming(measure: Measure, rule: str, faulty: Scored, other: Scored) -> str:
    """Why an arm with a remedy is not cured, in words; empty if it is.

    Args:
        measure: By which both were scored.
        rule: The rule whose finding the remedy is for.
        faulty: The arm without the remedy, of the same seed.
        other: The arm with it.
    """
    if other.how not in (FINISHED, faulty.how):
        return cut(" ".join(f"it {other.how or 'never trained'}".split()))
    if not measure.is_better(faulty.score, other.score):
        return "no better by more than the margin"
    if measure.beside is not None and _is_worse(measure.beside, faulty.printed, other.printed):
        return f"what the script prints is worse: {measure.beside.label}"
    # A critic that the generator deceives is no better than a constant: then the metric decides.
    is_adversary = bool(measure.metric) and other.has_several_losses
    if other.skill <= measure.margin and not is_adversary:
        return "no better than a constant prediction"
    if not np.isfinite(other.losses.values[-1:]).all():
        return "its loss ends as no finite number"
    if rule in other.alarms:
        return f"{rule} is still found"
    new = [error for error in other.errors if error not in faulty.errors]
    return f"a new error: {new[0]}" if new else ""


def _is_worse(measure: Measure, faulty: float, other: float) -> bool:
    """Whether the second number is worse, by however little; two that are none are alike."""
    return not (math.isnan(faulty) and math.isnan(other)) and measure.gain(faulty, other) < 0


def skill(trace: Trace) -> float:
    """How prediction and target correlate in the recorded steps of the last third of a run.

    Predictions that are constant, or not finite, have no skill. Where each sample has classes at
    several places, as in text, no correlation is read: then it is the share of the best constant
    prediction's loss that is gone.

    Args:
        trace: Of one run.

    Returns:
        At most 1; NaN where no prediction and target could be read. Of several losses the lowest.
    """
    begin = (1 - LAST) * trace.steps
    by_loss: dict[int, list[float]] = {}
    still: set[int] = set()
    gains = {number: course_of(trace, number).gain for number in trace.losses.numbers}
    for shot in trace.snapshots:
        loss = shot.loss
        if loss is not None and loss.target is not None and shot.step >= begin:
            at_places = loss.target.is_index and len(loss.input_shape) > TABLE
            value = gains[shot.stream] if at_places else loss.correlation
            by_loss.setdefault(shot.stream, []).append(value if math.isfinite(value) else 0.0)
            still |= {shot.stream} if _is_one_value(loss.target) else set()
    # With one label for all, such as a generator's, nothing can correlate.
    counted = [values for stream, values in by_loss.items() if stream not in still]
    return min((float(np.mean(each)) for each in counted or by_loss.values()), default=math.nan)


def _is_one_value(target: TargetReading) -> bool:
    """Whether all targets of a step are one number."""
    least, most = target.sums.minimum.min(), target.sums.maximum.max()
    return bool(least == most)


def own_output(output: str) -> str:
    """What the script printed, without the report of `lifesigns run`.

    Args:
        output: Of an arm.
    """
    before, reported, _ = f"\n{output}".rpartition(REPORT)
    return before if reported else output


def _printed(metric: str, output: str) -> str:
    """What the script printed last for a metric; empty if nothing."""
    own = own_output(output)
    return _matched(metric, own) if "(" in metric else _noted(metric, own.splitlines())


def _number(text: str) -> float:
    """93% is 0.93; NaN for what is no number."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return math.nan


def _matched(pattern: str, output: str) -> str:
    matches = list(re.finditer(pattern, output))
    return (matches[-1].group(1) or "") if matches else ""


def _noted(key: str, lines: Sequence[str]) -> str:
    for line in reversed(lines):
        try:
            noted = json.loads(line)
        except ValueError:
            continue
        if isinstance(noted, dict) and key in noted:
            return str(noted[key])
    return ""
