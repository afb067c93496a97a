"""The loss of every step as a mean per observation, without penalties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lifesigns.evidence.course import ENTROPIES, REGRESSIONS
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Floats, LossReading

NEVER_NEGATIVE = ENTROPIES | REGRESSIONS
"""Kinds of losses that are 0 at the least."""
ROUNDED = Threshold(
    1e-3,
    "share of a data loss by which it may be more than the whole",
    "arithmetic: rounding in float16",
)
PARTS = 5
"""Of a run, the last of which is its end (`course.TAIL`)."""


def is_scaled(reading: LossReading) -> bool:
    """Whether the recorder knows what the loss is a mean or a sum of."""
    return bool(np.isfinite(reading.fit) and np.isfinite(reading.value) and reading.scale > 0)


def data_loss(trained: Floats, steps: Floats, known: Sequence[tuple[int, LossReading]]) -> Floats:
    """The losses without their penalties, per observation; as trained where nothing is known.

    Of a sum of data terms it is the first one's share. A penalty is known on the recorded steps
    only. It hides the data loss of all steps but those where it is negative, as an actor's loss
    beside its critic's, or where what is left beside it is so in the mean of a fifth of the run, as
    no data loss of this kind can be.
    """
    if not known:
        return trained
    scale = float(np.median([reading.scale for _, reading in known]))
    at = np.array([step for step, _ in known], float)
    fit = np.array([reading.fit for _, reading in known])
    value = np.array([reading.value for _, reading in known])
    together = fit + [sum(other.fit for other in reading.others) for _, reading in known]
    if (together != fit).any() and (fit >= 0).all() and (together > fit).all():
        terms = trained - _penalties(at, value - together, steps)
        return np.asarray(terms * np.interp(steps, at, fit / together) / scale)
    rest = np.asarray(trained - _penalties(at, value - fit, steps))
    hidden = (value < (1 - ROUNDED) * fit).any() or _falls_below_0(rest)
    if (value != fit).any() and _is_never_negative(known) and hidden:
        most = trained if (value >= fit).all() else np.inf
        return np.asarray(np.fmin(np.interp(steps, at, fit), most) / scale)
    return np.asarray(rest / scale)


def _is_never_negative(known: Sequence[tuple[int, LossReading]]) -> bool:
    return all(reading.kind in NEVER_NEGATIVE and reading.fit >= 0 for _, reading in known)


def _falls_below_0(losses: Floats) -> bool:
    """For longer than the noise between recorded steps lasts."""
    finite = losses[np.isfinite(losses)]
    return any(len(part) and part.mean() < 0 for part in np.array_split(finite, PARTS))


def _penalties(at: Floats, size: Floats, steps: Floats) -> Floats:
    """What is not data loss, at every step, from the recorded ones.

    Weight decay shrinks penalties geometrically, so their logarithm is interpolated, and its last
    slope continues after the last recorded step.
    """
    if len(at) < 2 or size.min() <= 0 or at[-1] == at[-2]:
        return np.asarray(np.interp(steps, at, size))
    level = np.log(size)
    slope = min((level[-1] - level[-2]) / (at[-1] - at[-2]), 0.0)
    beyond = np.maximum(steps - at[-1], 0.0)
    return np.asarray(np.exp(np.interp(steps, at, level) + slope * beyond))
