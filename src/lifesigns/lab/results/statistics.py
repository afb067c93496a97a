"""Paired statistics: what a difference between two cells is worth, given a handful of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifesigns._errors import extra

with extra("lab"):
    from scipy import stats

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval (Student's t, `CONFIDENCE`)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Interval:
        """The interval of the mean of independent values; infinitely wide for a single one.

        Args:
            values: Independent values, shape `[n]`.
        """
        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(mean, -math.inf, math.inf)
        half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values)
        return cls(mean, mean - float(half), mean + float(half))

    def within(self, low: float, high: float) -> Interval:
        """The part of it that lies in a range that the values cannot leave.

        Args:
            low: Lowest value there can be.
            high: Highest value there can be.
        """
        return Interval(self.mean, max(self.low, low), min(self.high, high))


@dataclass(frozen=True)
class Contrast:
    """One set of scores against another with the same seeds."""

    difference: Interval
    """Mean of the paired differences; negative if the first is worse."""
    effect: float
    """Mean over standard deviation of the differences (Cohen's d_z); infinite without spread."""
    p: float
    """Two-sided paired t-test; 1 if all differences are 0."""

    @classmethod
    def of(cls, scores: Floats, against: Floats) -> Contrast:
        """Compares position by position.

        Args:
            scores: One for each seed, shape `[seeds]`; two or more, or the interval is infinitely
                wide.
            against: The scores of the other one, with the same seeds in the same order.

        Raises:
            ValueError: The two have different lengths.

        Example:
            >>> better = Contrast.of(np.array([0.9, 0.8, 0.7]), np.array([0.8, 0.7, 0.5]))
            >>> round(better.difference.mean, 3), round(better.p, 3)
            (0.133, 0.057)
        """
        if scores.shape != against.shape:
            raise ValueError(f"{len(scores)} scores cannot be paired with {len(against)}.")
        rest = scores - against
        spread = float(rest.std(ddof=1)) if len(rest) > 1 else math.nan
        mean = float(rest.mean())
        if not spread > 1e-12 * abs(mean):
            effect = math.copysign(math.inf, mean) if mean else 0.0
            return cls(Interval.of(rest), effect, 0.0 if mean else 1.0)
        t = mean / (spread / math.sqrt(len(rest)))
        return cls(Interval.of(rest), mean / spread, 2 * float(stats.t.sf(abs(t), len(rest) - 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): adjusted p-values that keep the family-wise error rate.

    Args:
        p_values: One for each comparison, in any order.

    Returns:
        Adjusted p-values in the same order, at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, position in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = largest
    return adjusted


def chance_of_being_best(scores: Floats, seed: int = 0) -> Floats:
    """How often each row has the best mean when the seeds are drawn anew (paired bootstrap).

    Args:
        scores: Shape `[cells, seeds]`.
        seed: Of the resampling.

    Returns:
        Shape `[cells]`; ties are shared, so that it sums to 1.
    """
    seeds = scores.shape[1]
    drawn = np.random.default_rng(seed).integers(0, seeds, (RESAMPLES, seeds))
    means = scores[:, drawn].mean(2)
    best = means == means.max(0)
    share: Floats = (best / best.sum(0)).mean(1)
    return share
