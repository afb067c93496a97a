"""The loss of every step as a mean per observation, without penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class DataLoss(NamedTuple):
    """The data loss of every step per observation, and between which bounds it lies."""

    values: Floats
    least: Floats
    """`values` up to the last recorded step, and after it where the end was recorded."""
    most: Floats

    def is_open(self, level: float) -> bool:
        """Whether it cannot be told on which side of a level the mean of the end lies.

        Args:
            level: A loss per observation; NaN has no sides.
        """
        finite = np.isfinite(self.values)
        low, high = (_end(bound[finite]) for bound in (self.least, self.most))
        return bool(len(low) and low.mean() < level < high.mean())


def is_scaled(reading: LossReading) -> bool:
    """Whether the recorder knows what the loss is a mean or a sum of."""
    return bool(np.isfinite(reading.fit) and np.isfinite(reading.value) and reading.scale > 0)


def data_loss(trained: Floats, steps: Floats, known: Sequence[tuple[int, LossReading]]) -> DataLoss:
    """The losses without their penalties, per observation; as trained where nothing is known.

    Of a sum of data terms it is the first one's share. What else a loss is made of is known on the
    recorded steps only. It hides the data loss of all steps but those where it is negative, as an
    actor's loss beside its critic's, or where what is left beside it is so in the mean of a fifth
    of the run, as no data loss of this kind can be.

    After the last recorded step a penalty is taken to go on as it went. That is sure of one on
    weights alone. Other terms that depend on outputs may be anything between nothing and what they
    were, if the last fifth of the run was not recorded at all.
    """
    if not known or not len(trained):
        return DataLoss(trained, trained, trained)
    recorded = _Recorded.of(known)
    values = recorded.without_the_rest(trained, steps)
    least = most = values
    if recorded.is_hidden(values):
        least, most = np.zeros_like(trained), recorded.highest(trained)
        values = np.fmin(np.interp(steps, recorded.at, recorded.fit), most)
    elif recorded.on_outputs:
        least, most = recorded.bounds(trained)
        values = np.where(steps > recorded.at[-1], np.clip(values, least, most), values)
    known_until = recorded.at[-1] if recorded.at[-1] < _end(steps)[0] else steps[-1]
    least, most = (np.where(steps <= known_until, values, bound) for bound in (least, most))
    return DataLoss(*(part / recorded.scale for part in (values, least, most)))


@dataclass(frozen=True)
class _Recorded:
    """What the recorded steps tell of a loss, each array of shape `[recorded]`."""

    at: Floats
    """The steps."""
    fit: Floats
    """The data term, or the first of several."""
    together: Floats
    """All data terms."""
    value: Floats
    scale: float
    never_negative: bool
    """Whether no data loss of this kind can be."""
    on_outputs: bool
    """Whether there are other terms than the first that depend on outputs."""

    @classmethod
    def of(cls, known: Sequence[tuple[int, LossReading]]) -> _Recorded:
        readings = [reading for _, reading in known]
        fit = np.array([reading.fit for reading in readings])
        return cls(
            at=np.array([step for step, _ in known], float),
            fit=fit,
            together=fit + [sum(other.fit for other in reading.others) for reading in readings],
            value=np.array([reading.value for reading in readings]),
            scale=float(np.median([reading.scale for reading in readings])),
            never_negative=all(r.kind in NEVER_NEGATIVE and r.fit >= 0 for r in readings),
            on_outputs=any(reading.penalised or reading.others for reading in readings),
        )

    def without_the_rest(self, trained: Floats, steps: Floats) -> Floats:
        fit, together = self.fit, self.together
        if (together != fit).any() and (fit >= 0).all() and (together > fit).all():
            terms = trained - _penalties(self.at, self.value - together, steps)
            return np.asarray(terms * np.interp(steps, self.at, fit / together))
        return np.asarray(trained - _penalties(self.at, self.value - fit, steps))

    def is_hidden(self, values: Floats) -> bool:
        """Whether the rest says nothing of other steps than the recorded ones."""
        negative = (self.value < (1 - ROUNDED) * self.fit).any() or _falls_below_0(values)
        return bool(self.never_negative and (self.value != self.fit).any() and negative)

    def highest(self, trained: Floats) -> Floats:
        """What a hidden data loss is at the most: the whole, if nothing negative is added."""
        return trained if (self.value >= self.fit).all() else np.full_like(trained, np.inf)

    def bounds(self, trained: Floats) -> tuple[Floats, Floats]:
        """The whole less the rest, which is between nothing and what it was at last."""
        rest = self.value[-1] - self.fit[-1]
        least, most = trained - max(rest, 0.0), trained - min(rest, 0.0)
        return (np.maximum(least, 0.0) if self.never_negative else least), most


def _falls_below_0(losses: Floats) -> bool:
    """For longer than the noise between recorded steps lasts."""
    finite = losses[np.isfinite(losses)]
    return any(len(part) and part.mean() < 0 for part in np.array_split(finite, PARTS))


def _end(each: Floats) -> Floats:
    return each[-max(1, len(each) // PARTS) :]


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
