"""The columns of the ladder: what is healthy, what is broken, and how far a value is from it.

All bounds are thresholds of the rules, or follow from them; a page colours by the same distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lifesigns.evidence.thresholds import (
    DEAD_SHARE,
    FADED_GRADIENT,
    FADED_SIGNAL,
    FADING_SIGNAL,
    LARGE_SIGNAL,
    LARGE_UPDATE,
    SATURATED,
    SMALL_UPDATE,
    SQUASHING,
    Threshold,
)
from lifesigns.locale.spoken import said_in
from lifesigns.records import Floats
from lifesigns.report.language import Language
from lifesigns.rules.activations.dead_units import NOTED
from lifesigns.rules.activations.stacked_squashing import SATURATING
from lifesigns.rules.gradients.exploding_gradient import RATIO as EXPLODED
from lifesigns.rules.gradients.vanishing_gradient import LOST
from lifesigns.rules.gradients.vanishing_gradient import RATIO as VANISHED

CENTRED = Threshold(
    1.0,
    "size of a layer's mean over its standard deviation",
    "arithmetic: a rectifier of standard normal values has 0.7",
)
ONE_SIDED = Threshold(
    3.0,
    "size of a layer's mean over its standard deviation",
    "arithmetic: 99.9 % of normal values have one sign",
)
OVERWRITTEN = Threshold(1.0, "update over weights", "arithmetic: nothing is left of what was there")
ROUNDING = Threshold(1 / LOST, "update over weights", "arithmetic: below float32's rounding")
MARKS = {Language.ENGLISH: ("{} ({})", ": ", "; "), Language.CHINESE: ("{}（{}）", "：", "；")}
"""How a meaning and its source are written, a bound before them, and several of them."""
FAR = 100.0
"""A distance beyond which it does not matter how far."""


@dataclass(frozen=True)
class Column:
    """One number of each layer and recorded step; an end that is None is open."""

    key: str
    expected: tuple[float | None, float | None]
    broken: tuple[float | None, float | None]
    logarithmic: bool
    sources: tuple[Threshold, ...]

    def to_json(self) -> dict[str, Any]:
        """As the document describes it."""
        return {
            "key": self.key,
            "expected": [_plain(end) for end in self.expected],
            "broken": [_plain(end) for end in self.broken],
            "logarithmic": self.logarithmic,
            "source": self.source(Language.ENGLISH),
        }

    def source(self, language: Language) -> str:
        """Where its bounds are from.

        Args:
            language: Of the answer.
        """
        brackets, colon, between = MARKS[language]
        each = (
            f"{bound:g}{colon}"
            + brackets.format(
                said_in(language.value, bound.meaning, "thresholds"),
                said_in(language.value, bound.source, "thresholds"),
            )
            for bound in self.sources
        )
        return between.join(each)


def _plain(end: float | None) -> float | None:
    return None if end is None else float(f"{end:.6g}")


COLUMNS = (
    Column(
        "size",
        (FADING_SIGNAL, LARGE_SIGNAL),
        (FADED_SIGNAL, LARGE_SIGNAL**2),
        True,
        (FADING_SIGNAL, FADED_SIGNAL, LARGE_SIGNAL),
    ),
    Column("centring", (None, CENTRED), (None, ONE_SIDED), True, (CENTRED, ONE_SIDED)),
    Column("dead", (None, NOTED), (None, DEAD_SHARE), False, (NOTED, DEAD_SHARE)),
    Column("saturated", (None, NOTED), (None, SATURATED), False, (NOTED, SATURATED)),
    Column("slope", (SQUASHING, None), (SATURATING, None), True, (SQUASHING, SATURATING)),
    Column(
        "gradient",
        (FADED_GRADIENT, 1 / FADED_GRADIENT),
        (1 / VANISHED, EXPLODED),
        True,
        (FADED_GRADIENT, VANISHED, EXPLODED),
    ),
    Column(
        "update",
        (SMALL_UPDATE, LARGE_UPDATE),
        (ROUNDING, OVERWRITTEN),
        True,
        (SMALL_UPDATE, LARGE_UPDATE, ROUNDING, OVERWRITTEN),
    ),
)
"""In the order of the ladder. `gradient` is compared with the last layer's at the same step."""

KEYS = tuple(column.key for column in COLUMNS)
SIZE, CENTRING, DEAD, FLAT, SLOPE, GRADIENT, UPDATE = range(len(COLUMNS))


def distances(ladder: Floats) -> Floats:
    """How far values are from what is expected: 0 within, 1 where a rule alarms.

    Args:
        ladder: Shape `[..., 7, layers]`.

    Returns:
        Of the same shape, at most `FAR`; -1 for NaN, which anything measured outweighs.

    Example:
        >>> sizes = np.full((7, 4), np.nan)
        >>> sizes[SIZE] = 1.0, 100.0, 0.0, np.nan
        >>> distances(sizes)[SIZE].tolist()
        [0.0, 1.0, 100.0, -1.0]
    """
    with np.errstate(all="ignore"):
        scaled = np.where(_LOGARITHMIC, np.log(np.abs(ladder)), ladder)
        low, high = ((scaled - healthy) / (broken - healthy) for healthy, broken in _BOUNDS)
        far = np.fmin(np.fmax(np.fmax(low, high), 0), FAR)
    return np.where(np.isnan(ladder), -1.0, far)


def _bounds(end: int) -> tuple[Floats, Floats]:
    """Of all columns, scaled as they are; NaN where they are open."""
    made = []
    for bounds in ([c.expected[end] for c in COLUMNS], [c.broken[end] for c in COLUMNS]):
        known = np.array([[np.nan if bound is None else float(bound)] for bound in bounds])
        made.append(np.where(_LOGARITHMIC, np.log(known), known))
    return made[0], made[1]


_LOGARITHMIC = np.array([[column.logarithmic] for column in COLUMNS])
_BOUNDS = _bounds(0), _bounds(1)
