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


def constant_loss(
    kind: str,
    sums: UnitSums,
    class_counts: ArrayLike | None = None,
    *,
    entropy: float = NAN,
    quantiles: ArrayLike | None = None,
    details: Mapping[str, float] = MappingProxyType({}),
) -> float:
    """Mean loss per observation of the best constant prediction.

    Cross-entropy: the entropy of the class frequencies, in nats. Binary cross-entropy: the mean
    over units of the binary entropy of the unit's mean target. Squared error: the mean over units
    of the target's variance. Targets merge over steps with `UnitSums.merge`.

    Absolute error and Huber need a median, which sums do not hold but `quantiles` do. NaN for
    kinds that are not known, and for targets that are no distribution (negative, or outside
    [0, 1]).

    Args:
        kind: `LossReading.kind`.
        sums: The targets, per output unit.
        class_counts: How often each class occurs; needed for cross-entropy on class indices. For
            one-hot or soft targets the sums themselves are the frequencies.
        entropy: Of the samples' own targets, on average; needed for a KL divergence.
        quantiles: Of the targets, equally likely ones, shape `[any, units]`.
        details: The loss's own constants, such as `delta` or `pos_weight`.

    Returns:
        Loss in the scale of a mean: an element for errors and binary cross-entropy, a sample for
        cross-entropy. Multiply by `LossReading.scale` for the loss as trained.

    Example:
        >>> round(constant_loss("cross_entropy", UnitSums.of([[0], [1]]), [1, 1]), 4)
        0.6931
    """
    if kind in ("cross_entropy", "kl_divergence"):
        soft = sums.total if sums.units > 1 else np.zeros(0)
        frequencies = soft if class_counts is None else np.asarray(class_counts, float)
        return _entropy(frequencies) - (entropy if kind == "kl_divergence" else 0.0)
    if not (sums.units and (sums.count > 0).all()):
        return NAN
    if kind in _OF_RESIDUALS:
        known = quantiles is not None and np.size(quantiles)
        return _of_quantiles(kind, np.asarray(quantiles, float), details) if known else NAN
    formula = _BY_KIND.get(kind)
    return formula(sums, details) if formula else NAN


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


def _binary_entropy(sums: UnitSums, details: Mapping[str, float]) -> float:
    """Where positives count w times, the best constant is w r / (w r + 1 - r) for a rate r."""
    if sums.minimum.min() < 0 or sums.maximum.max() > 1:
        return NAN
    return _of_two(sums.mean, details.get("pos_weight", 1.0))


def _soft_margin(sums: UnitSums, details: Mapping[str, float]) -> float:
    """Of targets -1 and 1: the binary cross-entropy of a logit."""
    if sums.minimum.min() < -1 or sums.maximum.max() > 1:
        return NAN
    return _of_two((sums.mean + 1) / 2)


def _of_two(rate: Floats, weight: float = 1.0) -> float:
    positive, negative = weight * rate, 1 - rate
    with np.errstate(divide="ignore", invalid="ignore"):
        p = positive / (positive + negative)
        losses = -positive * np.log(p) - negative * np.log1p(-p)
    return float(np.where(rate * negative > 0, losses, 0.0).mean())


def _variance(sums: UnitSums, details: Mapping[str, float]) -> float:
    return float(sums.variance.mean())


def _poisson(sums: UnitSums, details: Mapping[str, float]) -> float:
    """The best rate is the mean count m: m - m log m, without the term of the targets alone.

    NaN for counts above 1 on average: it nears 0 and falls below it, where a share of it says
    nothing, and a batch's own counts move the loss more than what can be learned.
    """
    mean = sums.mean
    if (sums.minimum < 0).any() or (mean > 1).any():
        return NAN
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(mean > 0, mean - mean * np.log(mean), 0.0).mean())


def _gaussian(sums: UnitSums, details: Mapping[str, float]) -> float:
    """Mean and variance of the targets: (1 + log variance) / 2, without log √2π."""
    variance = np.maximum(sums.variance, details.get("least_variance", 1e-6))
    return float((1 + np.log(variance)).mean() / 2)


def _hinge(sums: UnitSums, details: Mapping[str, float]) -> float:
    """Always the more frequent of -1 and 1: the others are off by twice the margin."""
    return float(2 * details.get("margin", 1.0) * _rarer(sums).mean())


def _rarer(sums: UnitSums) -> Floats:
    """Share of the rarer of the targets -1 and 1."""
    rate = (sums.mean + 1) / 2
    return np.asarray(np.minimum(rate, 1 - rate))


def _of_quantiles(kind: str, targets: Floats, details: Mapping[str, float]) -> float:
    """The least mean of a convex function of the residual, by bisection of its slope."""
    delta = details.get("delta", 1.0) if kind == "huber" else 0.0
    low, high = targets.min(0), targets.max(0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        residual = middle - targets
        slope = np.clip(residual, -delta, delta) if delta else np.sign(residual)
        rises = slope.mean(0) > 0
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    error = np.abs((low + high) / 2 - targets)
    if not delta:
        return float(error.mean())
    losses = np.where(error < delta, error**2 / 2, delta * (error - delta / 2))
    return float(losses.mean() / details.get("divided_by", 1.0))


def lowest_ranking(pairs: Floats, margin: float = 1.0, power: int = 1) -> float:
    """Least of the constant scores x in Σ pairs[i, j] max(0, margin - xᵢ + xⱼ)^power.

    The multi-class margin losses: `pairs[i, j]` is how often class i should win over class j. The
    sum is convex; a subgradient descent from equal scores, its best value, is within a hundredth
    of the least (the tests compare it with a linear program), and never below it.
    """
    scores, best = np.zeros(len(pairs)), math.inf
    for step in range(_DESCENTS):
        short = np.maximum(0.0, margin - scores[:, None] + scores[None, :])
        best = min(best, float((pairs * short**power).sum()))
        pull = pairs * power * np.where(short > 0, short ** (power - 1), 0.0)
        slope = pull.sum(0) - pull.sum(1)
        size = float(np.sqrt((slope**2).sum()))
        if size < 1e-12:
            break
        scores = scores - margin * slope / size / math.sqrt(step + 1)
    return best


_HALVINGS = 60
_DESCENTS = 300
_OF_RESIDUALS = frozenset({"absolute_error", "huber"})

_BY_KIND: Mapping[str, Callable[[UnitSums, Mapping[str, float]], float]] = MappingProxyType(
    {
        "binary_cross_entropy": _binary_entropy,
        "squared_error": _variance,
        "soft_margin": _soft_margin,
        "poisson": _poisson,
        "gaussian": _gaussian,
        "hinge": _hinge,
    }
)
