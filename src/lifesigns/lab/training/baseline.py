"""What is reached without learning: what any network that has learned something must exceed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lifesigns.nets.data import Split

ONE_SIDED = 1.645
"""Standard normal quantile: chance exceeds it in 5 % of the cases."""


@dataclass(frozen=True)
class Baseline:
    """One answer for every sample: the most frequent class, or the mean of the targets."""

    score: float
    """Accuracy of the most frequent training class on the held-out samples, or r2 = 0."""
    samples: int
    """How many are held out."""
    of_classes: bool
    """Whether the score is an accuracy; else it is r2."""

    @classmethod
    def of(cls, data: Split) -> Baseline:
        """The baseline of a split.

        Args:
            data: Its held-out samples decide; for regression the score to beat is 0, the R² of the
                mean.
        """
        held_out = len(data.test_targets)
        if not data.classes:
            return cls(0.0, held_out, of_classes=False)
        commonest = np.bincount(data.targets.numpy()).argmax()
        share = float((data.test_targets.numpy() == commonest).mean())
        return cls(share, held_out, of_classes=True)

    @property
    def answer(self) -> str:
        """The answer in words."""
        return "the most frequent class" if self.of_classes else "the mean of the targets"

    @property
    def chance(self) -> float:
        """The highest score that an answer without learning reaches by chance, in 95 % of cases.

        Beyond the score, a normal approximation: of the binomial distribution for an accuracy, and
        for r2 of the square of a correlation between unrelated values, whose variance is 1/samples.
        """
        if not self.of_classes:
            return self.score + ONE_SIDED**2 / self.samples
        error = math.sqrt(self.score * (1 - self.score) / self.samples)
        return self.score + ONE_SIDED * error
