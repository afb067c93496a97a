"""Measurements with the words for what they had to be."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.claims._claim import Measurement
from lifesigns.lab.results.statistics import Interval


def near(name: str, value: float, target: float, tolerance: float) -> Measurement:
    """A number that must lie within `tolerance` of `target`."""
    holds = bool(abs(value - target) <= tolerance)
    words = f"{target:g} ± {tolerance:g}" if tolerance else f"{target:g} exactly"
    return Measurement(name, float(value), words, holds)


def below(name: str, value: float, bound: float) -> Measurement:
    """A number that must not exceed `bound`."""
    return Measurement(name, float(value), f"at most {bound:g}", bool(value <= bound))


def above(name: str, value: float, bound: float) -> Measurement:
    """A number that must reach `bound`."""
    return Measurement(name, float(value), f"at least {bound:g}", bool(value >= bound))


def mean_above(name: str, values: ArrayLike, bound: float) -> Measurement:
    """A mean over seeds whose whole 95 % interval must lie above `bound`."""
    interval = Interval.of(np.asarray(values, float))
    holds = interval.low > bound
    return Measurement(name, interval.mean, f"above {bound:g}", holds, interval.low, interval.high)


def mean_below(name: str, values: ArrayLike, bound: float) -> Measurement:
    """A mean over seeds whose whole 95 % interval must lie below `bound`."""
    interval = Interval.of(np.asarray(values, float))
    holds = interval.high < bound
    return Measurement(name, interval.mean, f"below {bound:g}", holds, interval.low, interval.high)


def mean_within(name: str, values: ArrayLike, target: float, tolerance: float) -> Measurement:
    """A mean over seeds that must lie within `tolerance` of `target`."""
    interval = Interval.of(np.asarray(values, float))
    holds = abs(interval.mean - target) <= tolerance
    words = f"{target:g} ± {tolerance:g}"
    return Measurement(name, interval.mean, words, holds, interval.low, interval.high)


def reported(name: str, values: ArrayLike, words: str = "finite") -> Measurement:
    """A mean over seeds of which nothing is asked but that it exists."""
    interval = Interval.of(np.asarray(values, float))
    holds = math.isfinite(interval.mean)
    return Measurement(name, interval.mean, words, holds, interval.low, interval.high)


def stated(name: str, value: float) -> Measurement:
    """A number of which nothing is asked but that it is finite, from a calculation."""
    return Measurement(name, float(value), "finite", math.isfinite(value))
