"""Whether sizes that came one after the other went one way, or only varied."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.records import Floats, Ints

MOST = 700.0
"""Logarithm of the largest number that is told from infinity."""


def scales_of(sizes: Floats, apart: float) -> Ints:
    """Numbers of the scales, ascending: sizes that hardly differ share one.

    Args:
        sizes: Positive, in the order in which they came.
        apart: Ratio from which on two of them are of different scale.

    Example:
        >>> scales_of(np.array([1.01, 1.0, 3.0, 8.0]), apart=1.1).tolist()
        [0, 0, 1, 2]
    """
    scales, scale, lowest = np.zeros(len(sizes), np.int64), 0, sizes.min()
    for index in np.argsort(sizes):
        if sizes[index] > apart * lowest:
            scale, lowest = scale + 1, sizes[index]
        scales[index] = scale
    return scales


def orders(scales: Ints) -> float:
    """In how many orders these could have come.

    Args:
        scales: As `scales_of` numbers them.

    Example:
        >>> round(orders(np.array([0, 0, 1, 2])))
        12
    """
    ties = sum(math.lgamma(count + 1) for count in np.bincount(scales))
    return math.exp(min(math.lgamma(len(scales) + 1) - ties, MOST))


def rank_correlation(scales: Ints) -> float:
    """Goodman and Kruskal's gamma with their order; pairs of one scale do not count.

    Args:
        scales: As `scales_of` numbers them.

    Example:
        >>> rank_correlation(np.array([0, 0, 1, 2])), rank_correlation(np.array([2, 1, 0]))
        (1.0, -1.0)
    """
    signs = np.sign(scales[None, :] - scales[:, None])[np.triu_indices(len(scales), 1)]
    return float(signs.sum() / max(np.abs(signs).sum(), 1))
