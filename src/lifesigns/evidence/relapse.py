"""Whether a loss gave back what it had gained: it fell well below its level, and rose again."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.blocks import standard_error
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Floats

PARTS = 10
"""The run is cut into so many parts; the lowest but the last ones is the best it reached."""
LAST = 2
"""Parts at the end, each of which has to lie above what is left of the gain."""
LEAST = 5
"""Steps in a part from which its mean can be told from noise."""
RETURNED = Threshold(0.5, "share of the largest gain given back", "definition: most of it")
BEYOND = Threshold(
    4,
    "standard errors by which the end lies above the best part",
    "normal: p < 1e-4, as the best of ten parts is lower than its own mean by chance",
)


def relapses(curve: Floats, level: float) -> bool:
    """Whether most of the largest gain below `level` is gone, and stays gone to the end.

    Args:
        curve: A loss, shape `[steps]`, finite.
        level: What it is to stay below, in its unit: a constant prediction's loss.

    Example:
        >>> fall, rise = np.linspace(2.3, 1.4, 100), np.linspace(1.4, 2.2, 100)
        >>> relapses(np.r_[fall, rise, np.full(100, 2.2)], 2.3), relapses(fall, 2.3)
        (True, False)
    """
    parts = np.array_split(curve, PARTS)
    if len(parts[-1]) < LEAST:
        return False
    best = min(parts[:-LAST], key=lambda part: float(part.mean()))
    gain, end = level - float(best.mean()), np.concatenate(parts[-LAST:])
    stays = all(level - part.mean() < (1 - RETURNED) * gain for part in parts[-LAST:])
    noise = math.hypot(_error(best), _error(end))
    return bool(gain > 0 and stays and end.mean() - best.mean() > BEYOND * noise)


def _error(part: Floats) -> float:
    """Standard error of the mean; that of its blocks where neighbours resemble each other."""
    return float(np.nanmax([part.std(ddof=1) / math.sqrt(len(part)), standard_error(part)]))
