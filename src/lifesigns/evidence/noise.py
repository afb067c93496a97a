"""Targets that are noise, as a denoising network has them: their shape, and their first moments."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np

from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Floats, UnitSums

VALUES = Threshold(256, "observations, at least", "a definition: their mean is known to a fiftieth")
ERRORS = Threshold(
    5.0, "standard errors that a sum may be off by", "a normal's: once in two million"
)


class Moment(NamedTuple):
    """A mean of independent numbers, or of their squares, and the variance of each of these."""

    mean: float
    variance: float


UNIFORM = Moment(1 / 2, 1 / 12), Moment(1 / 3, 1 / 5 - 1 / 9)
"""Mean and mean square of numbers between 0 and 1."""
NORMAL = Moment(0.0, 1.0), Moment(1.0, 2.0)
"""Those of numbers of mean 0 and deviation 1."""


def merged(sums: list[UnitSums]) -> UnitSums | None:
    """Sums of all steps together; None where there are none, or of other units.

    Args:
        sums: Of each step.
    """
    units = {each.units for each in sums}
    return reduce(UnitSums.merge, sums) if len(units) == 1 else None


def drawn(stream: Stream, moments: tuple[Moment, Moment]) -> UnitSums | None:
    """The targets of all recorded steps, if they may be noise of these moments.

    Args:
        stream: A regression.
        moments: Of the noise.

    Returns:
        None unless each step's targets have the shape of its inputs, and mean and mean square of
        such noise but for chance: of all numbers, and of each unit.
    """
    found = []
    for shot in stream.snapshots:
        loss, batch = shot.loss, shot.batch
        target = None if loss is None else loss.target
        if loss is None or target is None or batch is None or loss.kind not in REGRESSIONS:
            return None
        if target.shape != batch.shape or not _are_of(target.sums, moments):
            return None
        found.append(target.sums)
    whole = merged(found)
    if whole is None or whole.count.sum() < VALUES or not _are_of(whole, moments):
        return None
    return whole


def _are_of(sums: UnitSums, moments: tuple[Moment, Moment]) -> bool:
    of_each = np.stack([sums.count, sums.total, sums.total_squared])
    return bool((sums.count > 0).all()) and all(
        _is_near(total / count, moments[0], count) and _is_near(square / count, moments[1], count)
        for count, total, square in (of_each, of_each.sum(1, keepdims=True))
    )


def _is_near(means: Floats, moment: Moment, count: Floats) -> bool:
    off = np.abs(means - moment.mean)
    return bool((off < ERRORS * np.sqrt(moment.variance / count)).all())
