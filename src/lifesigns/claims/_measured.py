"""Measurements with the words for what they had to be."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.claims._claim import Measurement
from lifesigns.lab.results.statistics import Interval


def near(name: str, value: float, target: float, tolerance: float) -> Measurement:
    """A number that must lie within `tolerance` of `target`.

    Args:
        name: What the number is, with its unit.
        value: From a calculation, without chance.
        target: What it should be.
        tolerance: Largest difference that is allowed; 0 for exact equality.

    Example:
        >>> near("gain", 1.592, 1.593, 0.005).expected
        '1.593 ± 0.005'
    """
    holds = bool(abs(value - target) <= tolerance)
    words = f"{target:g} ± {tolerance:g}" if tolerance else f"{target:g} exactly"
    return Measurement(name, float(value), words, holds)


def below(name: str, value: float, bound: float) -> Measurement:
    """A number that must not exceed `bound`.

    Args:
        name: What the number is, with its unit.
        value: From a calculation; NaN does not hold.
        bound: Allowed itself.
    """
    return Measurement(name, float(value), f"at most {bound:g}", bool(value <= bound))


def above(name: str, value: float, bound: float) -> Measurement:
    """A number that must reach `bound`.

    Args:
        name: What the number is, with its unit.
        value: From a calculation; NaN does not hold.
        bound: Allowed itself.
    """
    return Measurement(name, float(value), f"at least {bound:g}", bool(value >= bound))


def mean_above(name: str, values: ArrayLike, bound: float) -> Measurement:
    """A mean over seeds whose whole 95 % interval must lie above `bound`.

    Args:
        name: What the number is, with its unit.
        values: One for each seed, shape `[seeds]`; with a single one nothing holds.
        bound: Not allowed itself.

    Example:
        >>> mean_above("accuracy", [0.91, 0.93, 0.92], 0.9).holds
        False
    """
    interval = Interval.of(np.asarray(values, float))
    holds = interval.low > bound
    return Measurement(name, interval.mean, f"above {bound:g}", holds, interval.low, interval.high)


def mean_below(name: str, values: ArrayLike, bound: float) -> Measurement:
    """A mean over seeds whose whole 95 % interval must lie below `bound`.

    Args:
        name: What the number is, with its unit.
        values: One for each seed, shape `[seeds]`; with a single one nothing holds.
        bound: Not allowed itself.
    """
    interval = Interval.of(np.asarray(values, float))
    holds = interval.high < bound
    return Measurement(name, interval.mean, f"below {bound:g}", holds, interval.low, interval.high)


def mean_within(name: str, values: ArrayLike, target: float, tolerance: float) -> Measurement:
    """A mean over seeds that must lie within `tolerance` of `target`.

    Args:
        name: What the number is, with its unit.
        values: One for each seed, shape `[seeds]`; the interval is shown, but does not decide.
        target: What the mean should be.
        tolerance: Largest difference that is allowed.
    """
    interval = Interval.of(np.asarray(values, float))
    holds = abs(interval.mean - target) <= tolerance
    words = f"{target:g} ± {tolerance:g}"
    return Measurement(name, interval.mean, words, holds, interval.low, interval.high)


def reported(name: str, values: ArrayLike, words: str = "finite") -> Measurement:
    """A mean over seeds of which nothing is asked but that it exists.

    Args:
        name: What the number is, with its unit.
        values: One for each seed, shape `[seeds]`.
        words: What is expected, as the tables show it.
    """
    interval = Interval.of(np.asarray(values, float))
    holds = math.isfinite(interval.mean)
    return Measurement(name, interval.mean, words, holds, interval.low, interval.high)


def stated(name: str, value: float) -> Measurement:
    """A number of which nothing is asked but that it is finite, from a calculation.

    Args:
        name: What the number is, with its unit.
        value: From a calculation, without chance.
    """
    return Measurement(name, float(value), "finite", math.isfinite(value))
