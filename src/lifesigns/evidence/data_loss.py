"""The loss of every step as a mean per observation, without penalties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lifesigns.records import Floats, LossReading


def is_scaled(reading: LossReading) -> bool:
    """Whether the recorder knows what the loss is a mean or a sum of."""
    return bool(np.isfinite(reading.fit) and np.isfinite(reading.value) and reading.scale > 0)


def data_loss(trained: Floats, steps: Floats, known: Sequence[tuple[int, LossReading]]) -> Floats:
    """The losses without their penalties, per observation; as trained where nothing is known."""
    if not known:
        return trained
    scale = float(np.median([reading.scale for _, reading in known]))
    return np.asarray((trained - _penalties(known, steps)) / scale)


def _penalties(known: Sequence[tuple[int, LossReading]], steps: Floats) -> Floats:
    """What is not data loss, at every step, from the recorded ones.

    Weight decay shrinks penalties geometrically, so their logarithm is interpolated, and its last
    slope continues after the last recorded step.
    """
    at = np.array([step for step, _ in known], float)
    size = np.array([reading.value - reading.fit for _, reading in known])
    if len(at) < 2 or size.min() <= 0 or at[-1] == at[-2]:
        return np.asarray(np.interp(steps, at, size))
    level = np.log(size)
    slope = min((level[-1] - level[-2]) / (at[-1] - at[-2]), 0.0)
    beyond = np.maximum(steps - at[-1], 0.0)
    return np.asarray(np.exp(np.interp(steps, at, level) + slope * beyond))
