"""Whether weights have the size with which torch draws them: nothing has trained them before."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import ParameterReading

DRAWN = Threshold(
    0.03, "share of its size by which a drawn weight may differ", "of 512 numbers: one deviation"
)
FEWEST = Threshold(512, "numbers of a weight whose size tells", "their error is below 3 %")
GATES = (3, 4)
"""Of recurrent layers, which are drawn by the number of their units."""


def are_as_drawn(readings: Iterable[ParameterReading]) -> bool:
    """Whether all large weights, two at least, have a size with which torch draws such shapes.

    Uniform between ±1/√fan_in (linear layers, convolutions), between ±1/√units (recurrent layers),
    by Glorot (attention), or normal with variance 1 (embeddings).

    Args:
        readings: Of parameters that no step has changed.
    """
    large = [p for p in readings if len(p.shape) > 1 and math.prod(p.shape) >= FEWEST]
    return len(large) > 1 and all(map(_is_as_drawn, large))


def _is_as_drawn(p: ParameterReading) -> bool:
    rows, fan_in = p.shape[0], math.prod(p.shape[1:])
    uniform = [fan_in, *(rows / gates for gates in GATES if rows % gates == 0)]
    sizes = [1.0, math.sqrt(2 / (rows + fan_in)), *(1 / math.sqrt(3 * n) for n in uniform)]
    return any(math.isclose(p.weight_rms, size, rel_tol=DRAWN) for size in sizes)
