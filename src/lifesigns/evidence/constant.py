"""The best constant prediction: the loss that a network has to beat to have learned anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from lifesigns.evidence.thresholds import Threshold
from lifesigns.functions import constant_loss
from lifesigns.records import Floats, Ints, LossReading, UnitSums

PER_CLASS = Threshold(
    10,
    "observations per class from which frequencies are trusted",
    "arithmetic: the correction for the sample is then below 1/20 nat",
)
ALIKE = Threshold(
    1e-4, "share by which equal numbers differ in their sum", "the rounding of float32"
)


def baseline(readings: Sequence[LossReading]) -> tuple[float, float]:
    """The loss per observation of the best constant prediction on all recorded targets.

    Returns:
        The loss and its standard error over the recorded steps (0 for a single one), both NaN if
        no target was seen or the loss is not recognised.
    """
    seen = _of_latest_kind([reading for reading in readings if not reading.ignored_all])
    targets = targets_of(seen)
    if targets is None or math.isfinite(seen[-1].constant):
        return _mean([reading.constant for reading in readings])
    _, error = _mean([_level([r], r.target.sums) for r in seen if r.target])
    if seen[-1].kind == "cross_entropy":
        return _entropy(seen, targets), error
    return _level(seen, targets), error


def targets_vary(readings: Sequence[LossReading]) -> bool:
    """Whether there is something to learn: the targets differ, or pairs are told apart."""
    targets = targets_of(readings)
    if targets is None:
        return any(reading.constant > 0 for reading in readings)
    return bool((targets.span > 0).any())


def _level(seen: Sequence[LossReading], targets: UnitSums) -> float:
    """The constant's loss on the targets of these readings together."""
    level = _everywhere(seen, targets)
    return min(level, places) if math.isfinite(places := _at_each_place(seen)) else level


def _at_each_place(seen: Sequence[LossReading]) -> float:
    """That of a constant image: its mean over few samples is corrected for having been fitted."""
    parts = [r.target.places for r in seen if r.target and r.target.places]
    alike = [part for part in parts if part.units == parts[-1].units]
    kind = seen[-1].kind
    if not alike or kind not in ("squared_error", "binary_cross_entropy"):
        return math.nan
    places = reduce(UnitSums.merge, alike)
    n = float(places.count.min())
    level = constant_loss(kind, places, details=seen[-1].details)
    return level * n / (n - 1) if kind == "squared_error" else level + 1 / (2 * n)


def _everywhere(seen: Sequence[LossReading], targets: UnitSums) -> float:
    """That of one number for each output unit."""
    read = [r.target for r in seen if r.target and r.target.sums.units == targets.units]
    quantiles = [t.quantiles for t in read if t.quantiles is not None]
    return constant_loss(
        seen[-1].kind,
        targets,
        _class_shares(seen),
        entropy=float(np.mean([t.entropy for t in read])),
        quantiles=np.concatenate(quantiles) if quantiles else None,
        details=seen[-1].details,
    )


def _mean(levels: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error of what is known; the error of a single one is 0."""
    known = [level for level in levels if math.isfinite(level)]
    if not known:
        return math.nan, math.nan
    error = float(np.std(known, ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else 0.0
    return float(np.mean(known)), error


def targets_of(readings: Sequence[LossReading]) -> UnitSums | None:
    """The targets of all readings together; None if there are none.

    Readings with another number of units than the last one are left out, and those of another kind,
    where losses of several kinds take turns in one place.
    """
    sums = [reading.target.sums for reading in _of_latest_kind(readings) if reading.target]
    alike = [s for s in sums if s.units == sums[-1].units]
    return reduce(UnitSums.merge, alike) if alike else None


def _of_latest_kind(readings: Sequence[LossReading]) -> list[LossReading]:
    seen = [reading for reading in readings if reading.target]
    return [reading for reading in seen if reading.kind == seen[-1].kind]


def label_beside_zero(targets: UnitSums) -> float:
    """The one number that targets are where they are not 0; 0 if there are several, or no 0.

    `Σ y / #(y ≠ 0) = max y` holds for y ≥ 0 only where all that are not 0 are equal.

    Args:
        targets: Of any number of steps.
    """
    greatest, active = float(targets.maximum.max()), int(targets.active.sum())
    if targets.nonfinite.any() or targets.minimum.min() != 0 or greatest <= 0:
        return 0.0
    alike = abs(float(targets.total.sum()) / active / greatest - 1) < ALIKE
    return greatest if alike and active < targets.count.sum() else 0.0


def class_counts(readings: Sequence[LossReading]) -> Floats | None:
    """How often each class occurred in all readings together, shape `[classes]`.

    None if classes are not known.
    """
    return _together([r.target.class_counts for r in readings if r.target])


def _class_shares(readings: Sequence[LossReading]) -> Floats | None:
    """The same as the loss counts them: weighted, and a smoothed label in part for every class."""
    return _together([_weighed(r) for r in readings])


def _together(counts: Sequence[Ints | Floats | None]) -> Floats | None:
    known = [count for count in counts if count is not None]
    if not known:
        return None
    total = np.zeros(max(map(len, known)))
    for count in known:
        total[: len(count)] += count
    return total


def _weighed(reading: LossReading) -> Floats | None:
    target = reading.target
    if target is None or (target.class_counts is None and target.class_weights is None):
        return None
    each = target.sums.total if target.class_counts is None else target.class_counts
    if target.class_weights is not None and len(target.class_weights) == len(each):
        weighed = each * target.class_weights
        each = weighed * (each.sum() / weighed.sum() if weighed.sum() > 0 else 1.0)
    smoothing = reading.details.get("smoothing", 0.0)
    return np.asarray((1 - smoothing) * each + smoothing * each.sum() / max(len(each), 1))


def _entropy(seen: Sequence[LossReading], targets: UnitSums) -> float:
    """The classes' entropy, corrected for the sample (Miller & Madow 1955: + (K - 1) / 2n).

    No more than that of equally frequent classes, which is never too low. With few observations per
    class it cannot be told from the sample, and is just that.
    """
    counts = class_counts(seen)
    entropy = constant_loss("cross_entropy", targets, _class_shares(seen))
    if counts is None:
        return entropy
    classes, n = int((counts > 0).sum()), float(counts.sum())
    prediction = seen[-1].prediction
    most = math.log(max(classes, prediction.units if prediction else 0, len(counts)))
    return min(entropy + (classes - 1) / (2 * n), most) if n >= PER_CLASS * classes else most
