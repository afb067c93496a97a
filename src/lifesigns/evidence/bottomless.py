"""Whether a loss has no bottom: it falls below 0, and the deeper it is, the faster."""

from __future__ import annotations

import numpy as np

from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Floats

PARTS = 5
"""The run is cut into so many parts; from one to the next it has to fall farther than before."""
FIRST = 0.1
"""Share of the run that tells how large the loss is at its beginning."""
FEWEST = Threshold(50, "steps in which a loss may show that it has no bottom", "ten a part")
DEPTH = Threshold(
    100,
    "times its largest early size, by which a loss lies below 0",
    "two orders: a likelihood falls with the logarithm of a spread, by a few times its start",
)


def end(losses: Floats) -> float:
    """Mean of the last part of a loss.

    Args:
        losses: Of every step, shape `[steps]`, `FEWEST` at least; see `depth`.
    """
    return float(np.array_split(losses[np.isfinite(losses)], PARTS)[-1].mean())


def depth(losses: Floats) -> float:
    """How far below 0 the end lies, in the largest size the loss had early.

    0 where it ends above 0, or is shorter than `FEWEST` steps.

    Args:
        losses: Of every step, shape `[steps]`; those that are not finite are left out.

    Example:
        >>> depth(np.array([*[1.0, -2.0] * 3, *[-6.0] * 54]))
        3.0
    """
    known = losses[np.isfinite(losses)]
    if len(known) < FEWEST:
        return 0.0
    early = float(np.abs(known[: round(FIRST * len(known))]).max())
    return max(0.0, -end(losses)) / early if early > 0 else 0.0


def falls_without_bottom(losses: Floats) -> bool:
    """Whether it fell `DEPTH` times as far as it was high, without slowing down.

    Args:
        losses: Of every step, shape `[steps]`; those that are not finite are left out.

    Example:
        >>> steps = np.arange(100.0)
        >>> falls_without_bottom(1 - steps**3), falls_without_bottom(1 - 30 * np.log1p(steps))
        (True, False)
    """
    if depth(losses) < DEPTH:
        return False
    known = losses[np.isfinite(losses)]
    falls = -np.diff([part.mean() for part in np.array_split(known, PARTS)])
    return bool(falls[0] > 0 and (np.diff(falls) > 0).all())
