"""The best constant prediction: the loss that a network has to beat to have learned anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from lifesigns.evidence.thresholds import Threshold
from lifesigns.functions import constant_loss
from lifesigns.records import Floats, LossReading, UnitSums

PER_CLASS = Threshold(
    10,
    "observations per class from which frequencies are trusted",
    "arithmetic: the correction for the sample is then below 1/20 nat",
)


def baseline(readings: Sequence[LossReading]) -> tuple[float, float]:
    """The loss per observation of the best constant prediction on all recorded targets.

    Returns:
        The loss and its standard error over the recorded steps (0 for a single one), both NaN if
        no target was seen or the loss is not recognised.
    """
    seen = [reading for reading in readings if reading.target and not reading.ignored_all]
    targets = targets_of(seen)
    if targets is None:
        return math.nan, math.nan
    each = [constant_loss(r.kind, r.target.sums, r.target.class_counts) for r in seen if r.target]
    error = float(np.std(each, ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else 0.0
    if seen[-1].kind == "cross_entropy":
        return _entropy(seen, targets), error
    return constant_loss(seen[-1].kind, targets), error


def targets_of(readings: Sequence[LossReading]) -> UnitSums | None:
    """The targets of all readings together; None if there are none.

    Readings with another number of units than the last one are left out.
    """
    sums = [reading.target.sums for reading in readings if reading.target]
    alike = [s for s in sums if s.units == sums[-1].units]
    return reduce(UnitSums.merge, alike) if alike else None


def class_counts(readings: Sequence[LossReading]) -> Floats | None:
    """How often each class occurred in all readings together, shape `[classes]`.

    None if classes are not known.
    """
    counts = [
        r.target.class_counts for r in readings if r.target and r.target.class_counts is not None
    ]
    if not counts:
        return None
    total = np.zeros(max(len(count) for count in counts))
    for count in counts:
        total[: len(count)] += count
    return total


def _entropy(seen: Sequence[LossReading], targets: UnitSums) -> float:
    """The classes' entropy, corrected for the sample (Miller & Madow 1955: + (K - 1) / 2n).

    With few observations per class it cannot be told from the sample: then that of equally
    frequent classes, which is never too low.
    """
    counts = class_counts(seen)
    entropy = constant_loss("cross_entropy", targets, counts)
    if counts is None:
        return entropy
    classes, n = int((counts > 0).sum()), float(counts.sum())
    if n >= PER_CLASS * classes:
        return entropy + (classes - 1) / (2 * n)
    prediction = seen[-1].prediction
    return math.log(max(classes, prediction.units if prediction else 0, len(counts)))
