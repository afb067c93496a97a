"""Which noise a generator is given: normal, or even between two numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from lifesigns.evidence.noise import (
    ERRORS,
    NORMAL,
    SIGNED,
    UNIFORM,
    VALUES,
    Moment,
    are_of,
    is_noise,
)
from lifesigns.records import Scales, UnitSums

KINDS: Mapping[str, tuple[Moment, Moment]] = {
    "N(0, 1)": NORMAL,
    "U(0, 1)": UNIFORM,
    "U(-1, 1)": SIGNED,
}
"""By their signs: normal of a mean and deviation, or uniform between two numbers."""
ENDS = {"U(0, 1)": (0.0, 1.0), "U(-1, 1)": (-1.0, 1.0)}
"""What no number is beyond."""


def trained_on(batches: Sequence[UnitSums]) -> str:
    """The noise that each of several batches consists of, by its sign; empty for none or several.

    Args:
        batches: Of one network, by features.
    """
    if not batches or len({one.units for one in batches}) > 1:
        return ""
    whole = reduce(UnitSums.merge, batches)
    if whole.count.sum() < VALUES:
        return ""
    found = [kind for kind in KINDS if all(_is(one, kind) for one in (*batches, whole))]
    return found[0] if len(found) == 1 else ""


def _is(sums: UnitSums, kind: str) -> bool:
    if kind not in ENDS:
        return are_of(sums, KINDS[kind]) and is_noise(sums)
    low, high = ENDS[kind]
    within = float(sums.minimum.min()) >= low and float(sums.maximum.max()) <= high
    return within and are_of(sums, KINDS[kind])


def sampled_from(scales: Scales) -> str:
    """The noise that means and deviations are those of, by its sign; empty for none or several.

    Args:
        scales: Of what a network was given.
    """
    if scales.count * len(scales.mean) < VALUES:
        return ""
    found = [kind for kind in KINDS if _has_scales(scales, kind)]
    return found[0] if len(found) == 1 else ""


def _has_scales(scales: Scales, kind: str) -> bool:
    """Whether each feature, and all of them together, have a mean and a deviation but for chance.

    Deviations vary most of normal numbers.
    """
    mean, variance = KINDS[kind][0]
    size, error = math.sqrt(variance), 1 / math.sqrt(scales.count)
    apart = np.abs(scales.mean - mean) / size
    wider = math.sqrt(2) * (scales.deviation / size - 1)
    allowed = ERRORS * error / math.sqrt(len(wider)) + error**2  # small samples are narrower
    each = (apart < ERRORS * error) & (np.abs(wider) < ERRORS * error)
    return bool(each.all() and abs(wider.mean()) < allowed)
