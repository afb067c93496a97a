"""Losses: what the best constant prediction reaches, from the sums of the targets alone.

A network that ignores its input can still predict the most useful constant. Its loss is the level
that training has to get below before anything was learned from the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.records import Floats, UnitSums

NAN = float("nan")


def constant_loss(kind: str, sums: UnitSums, class_counts: ArrayLike | None = None) -> float:
    """Mean loss per observation of the best constant prediction.

    Cross-entropy: the entropy of the class frequencies, in nats. Binary cross-entropy: the mean
    over units of the binary entropy of the unit's mean target. Squared error: the mean over units
    of the target's variance. Targets merge over steps with `UnitSums.merge`.

    Absolute error and Huber need a median, which sums do not hold, and other kinds are not known:
    NaN, as for targets that are no distribution (negative, or outside [0, 1]).

    Args:
        kind: `LossReading.kind`.
        sums: The targets, per output unit.
        class_counts: How often each class occurs; needed for cross-entropy on class indices. For
            one-hot or soft targets the sums themselves are the frequencies.

    Returns:
        Loss in the scale of a mean: an element for squared error and binary cross-entropy, a
        sample for cross-entropy. Multiply by `LossReading.scale` for the loss as trained.

    Example:
        >>> round(constant_loss("cross_entropy", UnitSums.of([[0], [1]]), [1, 1]), 4)
        0.6931
    """
    if kind == "cross_entropy":
        soft = sums.total if sums.units > 1 else np.zeros(0)
        return _entropy(soft if class_counts is None else np.asarray(class_counts, float))
    formula = _BY_KIND.get(kind)
    return formula(sums) if formula and (sums.count > 0).all() and sums.units else NAN


def lowest_cross_entropy(classes: int, width: float) -> float:
    """Least cross-entropy with logits that differ by `width` at the most: log(1 + (K - 1) e^-w).

    What a perfect classifier is left with if an activation in front of the loss bounds its logits.

    Args:
        classes: Number of classes K; one of them is right.
        width: Largest difference of two logits, at least 0: 1 after softmax or sigmoid, 2 after
            tanh.

    Returns:
        Nats for each sample.

    Example:
        >>> round(lowest_cross_entropy(10, 1.0), 2)  # a softmax or sigmoid in front of softmax
        1.46
    """
    return math.log1p((classes - 1) * math.exp(-width))


def _entropy(frequencies: Floats) -> float:
    total = frequencies.sum()
    if not total > 0 or (frequencies < 0).any():
        return NAN
    shares = frequencies[frequencies > 0] / total
    return float(-(shares * np.log(shares)).sum() + 0.0)


def _binary_entropy(sums: UnitSums) -> float:
    rate = sums.mean
    if sums.minimum.min() < 0 or sums.maximum.max() > 1:
        return NAN
    rate = np.clip(rate, 1e-300, 1 - 1e-16)
    return float(np.maximum(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)), 0.0).mean())


def _variance(sums: UnitSums) -> float:
    return float(sums.variance.mean())


_BY_KIND: Mapping[str, Callable[[UnitSums], float]] = MappingProxyType(
    {"binary_cross_entropy": _binary_entropy, "squared_error": _variance}
)
