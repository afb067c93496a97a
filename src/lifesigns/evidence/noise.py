"""Targets that are noise, as a denoising network has them: their shape, and their first moments."""

from __future__ import annotations

import math
from collections.abc import Callable
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
ENDS = Threshold(
    20.0,
    "times the mean distance of the outermost of so many numbers to the end of the range",
    "an exponential's: once in 500 million",
)
EXACT = Threshold(
    1e-3, "standard errors by which means are off at least", "chance: of one unit, once in 1,250"
)
ROUNDING = Threshold(
    1e-5,
    "difference per number, below which targets are the same",
    "single precision; other noise has such sums and ends once in 10²⁰ times",
)


class Moment(NamedTuple):
    """A mean of independent numbers, or of their squares, and the variance of each of these."""

    mean: float
    variance: float


UNIFORM = Moment(1 / 2, 1 / 12), Moment(1 / 3, 1 / 5 - 1 / 9)
"""Mean and mean square of numbers between 0 and 1."""
NORMAL = Moment(0.0, 1.0), Moment(1.0, 2.0)
"""Those of numbers of mean 0 and deviation 1."""
SIGNED = Moment(0.0, 1 / 3), Moment(1 / 3, 1 / 5 - 1 / 9)
"""Those of numbers between -1 and 1, all as likely."""


class Noise(NamedTuple):
    """Independent numbers of one distribution."""

    moments: tuple[Moment, Moment]
    beyond: Callable[[float], float]
    """Share of its numbers that are larger than one; negative for one that it cannot have."""
    mirror: float
    """The sum of a number and its mirror image, which is as likely."""


def _beyond_normal(value: float) -> float:
    return math.erfc(value / math.sqrt(2)) / 2


def _beyond_uniform(value: float) -> float:
    outside = max(-value, value - 1)
    return max(1 - value, _NEXT) if outside < ROUNDING else -1.0


_NEXT = 2.0**-25
"""Half of the distance between neighbours among the uniform numbers that torch draws."""
NOISES = Noise(NORMAL, _beyond_normal, 0.0), Noise(UNIFORM, _beyond_uniform, 1.0)


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
        if target.shape != batch.shape or not are_of(target.sums, moments):
            return None
        found.append(target.sums)
    whole = merged(found)
    if whole is None or whole.count.sum() < VALUES or not are_of(whole, moments):
        return None
    return whole


def is_noise(sums: UnitSums) -> bool:
    """Whether numbers may be normal or uniform noise, by their moments and the outermost of them.

    Numbers that were standardised are none: the mean of each unit is zero beyond chance.

    Args:
        sums: Of each unit.
    """
    return (
        any(are_of(sums, one.moments) and _ends(sums, one) for one in NOISES)
        and not (np.abs(sums.total) < EXACT * np.sqrt(sums.count)).all()
    )


def _ends(sums: UnitSums, noise: Noise) -> bool:
    """Whether smallest and largest number of each unit are such as so many have but for chance."""
    largest = np.concatenate([sums.maximum, noise.mirror - sums.minimum])
    beyond = np.array([noise.beyond(float(value)) for value in largest])
    expected = np.tile(sums.count, 2) * beyond
    return bool(((math.exp(-ENDS) < expected) & (expected < ENDS)).all())


def are_of(sums: UnitSums, moments: tuple[Moment, Moment]) -> bool:
    """Whether numbers have the mean and mean square of a noise: of each unit, and all together.

    Args:
        sums: Of each unit.
        moments: Of the noise.
    """
    of_each = np.stack([sums.count, sums.total, sums.total_squared])
    return bool((sums.count > 0).all()) and all(
        _is_near(total / count, moments[0], count) and _is_near(square / count, moments[1], count)
        for count, total, square in (of_each, of_each.sum(1, keepdims=True))
    )


def _is_near(means: Floats, moment: Moment, count: Floats) -> bool:
    off = np.abs(means - moment.mean)
    return bool((off < ERRORS * np.sqrt(moment.variance / count)).all())
