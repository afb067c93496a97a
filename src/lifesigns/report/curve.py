"""The loss of a run as it is drawn: a few numbers and one line of blocks.

What it says of learning is the matter of `lifesigns.evidence.course`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.records import Floats, Trace

LOGARITHMIC = 100.0
"""A positive loss that falls by more than this factor is drawn on a logarithmic scale."""

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "×"
"""Stands where the loss was NaN or infinite."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The loss of every step of one stream."""

    stream: int
    values: Floats

    @property
    def first(self) -> float:
        """The loss of the first step."""
        return float(self.values[0])

    @property
    def last(self) -> float:
        """The loss of the last step."""
        return float(self.values[-1])

    @property
    def lowest(self) -> float:
        """The lowest finite loss; NaN if there is none."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite.min()) if len(finite) else float("nan")

    @property
    def nonfinite(self) -> int:
        """How many losses were NaN or infinite."""
        return int((~np.isfinite(self.values)).sum())


def curves(trace: Trace) -> list[Curve]:
    """The curve of each stream that has a loss, in order.

    Args:
        trace: Of any length.
    """
    return [Curve(number, trace.losses.stream(number)) for number in trace.losses.numbers]


def sparkline(values: Sequence[float] | Floats, width: int = 32) -> str:
    """The values as a line of blocks; each block is the mean of its share of them.

    Args:
        values: A loss for each step, NaN and infinities included.
        width: Most blocks there may be.

    Example:
        >>> sparkline([4, 3, 2, 1, float("nan")])
        '█▆▃▁×'
    """
    every = np.asarray(values, np.float64)
    if not len(every):
        return ""
    with np.errstate(all="ignore"):
        means = np.array([part.mean() for part in np.array_split(every, min(width, len(every)))])
        heights = _heights(np.log(means) if is_logarithmic(every) else means)
    return "".join(BLOCKS[int(h)] if np.isfinite(h) else GAP for h in heights)


def is_logarithmic(values: Floats) -> bool:
    """Whether these values are drawn on a logarithmic scale.

    Args:
        values: Those that are not finite do not count.

    Returns:
        Whether all are positive and the largest is more than `LOGARITHMIC` times the smallest.

    Example:
        >>> is_logarithmic(np.array([2.3, 0.01])), is_logarithmic(np.array([2.3, 0.0]))
        (True, False)
    """
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() <= 0:
        return False
    return bool(finite.max() / LOGARITHMIC > finite.min())


def _heights(values: Floats) -> Floats:
    """Index into `BLOCKS` of each value, NaN where it is not finite."""
    scaled = np.where(np.isfinite(values), values, np.nan)
    if np.isnan(scaled).all():
        return scaled
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    top = len(BLOCKS) - 1
    # Halves first: the difference of two huge numbers is infinite.
    share = (scaled / 2 - low / 2) / (high / 2 - low / 2) if high > low else scaled * 0 + 0.5
    heights: Floats = np.round(share * top)
    return heights
