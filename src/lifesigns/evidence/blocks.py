"""A noisy curve by the means of its blocks: its levels, and whether it falls."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Floats

BLOCKS = 10
"""Averages over blocks of steps stand for independent observations (batch means)."""
SHORTEST = 3
"""Steps in a block."""
SLOPED = Threshold(
    4,
    "block means, over steps, that a slope needs",
    "arithmetic: two fit it, two more tell its error",
)
ROUNDING = 1e-7
"""Relative error of a float32 loss: no slope below it can be told from none."""


def block_means(values: Floats) -> Floats:
    """Means of at most `BLOCKS` blocks of at least `SHORTEST` steps.

    Args:
        values: Shape `[steps]`, finite.

    Returns:
        Shape `[blocks]`, in the unit of `values`; empty if they are.
    """
    blocks = np.array_split(values, max(1, min(BLOCKS, len(values) // SHORTEST)))
    return np.array([block.mean() for block in blocks if len(block)])


def standard_error(values: Floats) -> float:
    """Standard error of the mean of `values`, shape `[steps]`; NaN for a single block."""
    means = block_means(values)
    return float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else math.nan


def slope_score(values: Floats) -> float:
    """How surely `values` fall: the slope of their block means over its standard error.

    Least squares, sign reversed, so that a fall is positive. 0 for fewer than 4 blocks. A straight
    fall without any noise scores very high.

    Args:
        values: Shape `[steps]`, finite.
    """
    means = block_means(values)
    if len(means) < SLOPED:
        return 0.0
    centres = block_means(np.arange(len(values), dtype=float))
    x = centres - centres.mean()
    slope = float((x * means).sum() / (x**2).sum())
    rest = means - means.mean() - slope * x
    error = math.sqrt(float((rest**2).sum()) / (len(means) - 2) / float((x**2).sum()))
    floor = ROUNDING * abs(float(means.mean())) / len(values)
    return -slope / max(error, floor, 1e-300)
