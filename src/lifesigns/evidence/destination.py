"""Where a falling loss is heading: how many steps it would take to a level, if it ever gets there.

A slope alone promises nothing. A loss that rests on a plateau without batch noise falls in every
step, by less and less.
"""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.thresholds import CALIBRATED, NOISE, Threshold
from lifesigns.records import Floats

FIFTHS = 5
"""The run is cut into so many parts; the last three tell the pace and how it changes."""
SLOWER = Threshold(
    0.8,
    "fall of the last fifth over that of the one before, that is no straight line",
    CALIBRATED,
)
SETTLED = Threshold(
    0.9, "share of a fall done in the first tenth, after which nothing was to come", CALIBRATED
)
MUCH = Threshold(0.1, "share of the first loss, by which it has to fall to settle", CALIBRATED)
PACED = Threshold(
    3, "standard errors by which a fall must differ from none to tell its pace", "normal: p < 0.3 %"
)


def steps_until(curve: Floats, level: float) -> float:
    """Steps after the last one until `curve` falls to `level`.

    The falls from fifth to fifth of the run are continued as a geometric sequence: a run that loses
    pace comes to rest, one that gathers pace leaves its plateau. Where a change of pace cannot be
    told from noise, the last pace is kept.

    Args:
        curve: A loss, shape `[steps]`, finite.
        level: In its unit.

    Returns:
        0 if it is there already, infinite if it does not fall, or comes to rest before.

    Example:
        >>> round(steps_until(np.linspace(2.0, 1.0, 101), 0.5))
        50
    """
    before, middle, last = _last_fifths(curve)
    if not len(last):
        return math.inf
    missing = float(last.mean()) - level
    if missing <= 0:
        return 0.0
    pace = float(middle.mean() - last.mean())
    parts = _parts(missing, pace, _change(before, middle, last))
    return max(0.0, (parts - 0.5) * len(last))  # a part's mean is reached in its middle


def went(curve: Floats, end: float, least: float) -> str:
    """Where a loss went, beyond the noise between steps: `fell`, `rose`, or `stayed level`.

    From its very beginning: what learns fast has fallen before the first twentieth is over.

    Args:
        curve: The loss, shape `[steps]`, finite.
        end: Its mean at the end.
        least: Share of its mean size by which it has to change.
    """
    first = curve[: max(3, len(curve) // 100)]
    change = end - float(first.mean())
    noise = NOISE * float(np.median(np.abs(np.diff(curve)))) / math.sqrt(len(first))
    if abs(change) <= max(noise, least * float(np.abs(curve).mean())):
        return "stayed level"
    return "rose" if change > 0 else "fell"


def loses_pace(curve: Floats) -> bool:
    """Whether `curve`, shape `[steps]`, falls clearly more slowly than before."""
    before, middle, last = _last_fifths(curve)
    return bool(len(last)) and _change(before, middle, last) < SLOWER


def settles_early(curve: Floats) -> bool:
    """Whether `curve`, shape `[steps]`, fell by much in its first tenth and has been level since.

    By much: by more than `MUCH` of its first value, and beyond the noise from step to step.
    """
    tenth = len(curve) // 10
    if not tenth:
        return False
    first, then, end = float(curve[0]), curve[tenth : 2 * tenth].mean(), curve[-2 * tenth :].mean()
    fall = first - float(end)
    noise = float(np.median(np.abs(np.diff(curve[tenth:]))))
    if not fall > NOISE * noise:
        return False
    much = not first or fall / abs(first) > MUCH
    return much and (first - float(then)) / fall > SETTLED


def _last_fifths(curve: Floats) -> tuple[Floats, Floats, Floats]:
    before, middle, last = np.array_split(curve, FIFTHS)[-3:]
    return before, middle, last


def _change(before: Floats, middle: Floats, last: Floats) -> float:
    """Second fall over first; 1 unless both, and their difference, stand out of the noise."""
    first, second = before.mean() - middle.mean(), middle.mean() - last.mean()
    noise = PACED * math.hypot(_error(before), 2 * _error(middle), _error(last))
    told = min(first, second, abs(first - second)) > noise
    return float(second / first) if told else 1.0


def _error(part: Floats) -> float:
    """Standard error of the mean, from the changes between steps: a trend is no noise."""
    if len(part) < 2:
        return math.inf
    return float(np.diff(part).std()) / math.sqrt(2 * len(part))


def _parts(missing: float, pace: float, change: float) -> float:
    """The number k of falls, `pace` · (change + change² + … + changeᵏ), that make `missing`."""
    if pace <= 0:
        return math.inf
    if math.isclose(change, 1.0, rel_tol=1e-3):
        return missing / pace
    grown = 1 + missing * (change - 1) / (pace * change)
    return math.log(grown) / math.log(change) if grown > 0 else math.inf
