"""What a network answered in evaluation, beside how well it fitted its training by then."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from lifesigns.evidence.evaluated import EvaluatedPlace, evaluated_places
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Answers, Ints

CHANCE = Threshold(
    2, "standard errors by which more answers are right than by chance", "95 % certainty"
)


@dataclass(frozen=True, eq=False)
class Answered:
    """The answers of one place after one step."""

    step: int
    answers: Answers

    @property
    def samples(self) -> int:
        """How many were answered."""
        return int(self.answers.counts.sum())

    @property
    def right(self) -> int:
        """Answers that are the label."""
        return int(np.trace(self.answers.counts))

    @property
    def expected(self) -> float:
        """Answers that would be right if they had nothing to do with the labels."""
        counts = self.answers.counts
        return float(counts.sum(0) @ counts.sum(1)) / max(self.samples, 1)

    @property
    def is_chance(self) -> bool:
        """Whether no more are right than by chance, at 95 %."""
        share = self.expected / max(self.samples, 1)
        error = math.sqrt(self.expected * (1 - share))
        return self.right <= self.expected + CHANCE * error

    @property
    def entropy(self) -> float:
        """Of the labels: the cross-entropy of the best constant prediction, in nats."""
        shares = self.answers.counts.sum(1) / max(self.samples, 1)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())

    def renamed(self, most: float, least: int) -> dict[int, int]:
        """Labels by the answer that nearly all of their samples get.

        Args:
            most: Share of the samples of a label that get one answer.
            least: Samples of a label from which it counts.
        """
        counts: Ints = self.answers.counts
        known = np.flatnonzero(counts.sum(1) >= least)
        clear = known[counts[known].max(1) >= most * counts[known].sum(1)]
        return {int(label): int(counts[label].argmax()) for label in clear}


def answered(stream: Stream, steps: int, fit: float) -> Iterator[Answered]:
    """Of each place, the answers after the last step by which the training was fitted so well.

    Args:
        stream: What was trained.
        steps: Of training before it over which the loss is averaged.
        fit: Share of the baseline learned.
    """
    for place in evaluated_places(stream.trace):
        if place.is_in_each_step:
            continue
        for step in sorted({p.step for p in place.passes}, reverse=True):
            found = _at(place, step)
            if found is not None and _gain_until(stream, step, steps) >= fit:
                yield Answered(step, found)
                break


def _at(place: EvaluatedPlace, step: int) -> Answers | None:
    known = [p.answers for p in place.passes if p.step == step and p.answers is not None]
    if not known or any(one.counts.shape != known[0].counts.shape for one in known):
        return None
    return reduce(Answers.merge, known)


def _gain_until(stream: Stream, step: int, steps: int) -> float:
    """The share of the baseline learned in the last steps before one; NaN where it is unknown."""
    course = stream.course
    if len(course.curve) != len(stream.steps) or not course.baseline > 0:
        return math.nan
    latest = course.curve[stream.steps < step][-steps:]
    return 1 - float(latest.mean()) / float(course.baseline) if len(latest) else math.nan
