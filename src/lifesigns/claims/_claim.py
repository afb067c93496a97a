"""What a claim is, and how measurements become a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

Spec = dict[str, Any]


class Verdict(str, Enum):
    """What the measurements say about the sentence."""

    REPRODUCED = "reproduced"
    PARTLY = "partly"
    NOT_HERE = "not here"


class Kind(str, Enum):
    """What the numbers depend on."""

    EXACT = "exact"
    """Nothing: counts and identities."""
    DETERMINISTIC = "deterministic"
    """A calculation without chance, to a tolerance."""
    STATISTICAL = "statistical"
    """Seeds: means come with 95 % confidence intervals."""


@dataclass(frozen=True)
class Measurement:
    """One number the experiment produced, and whether it is what the sentence needs."""

    name: str
    value: float
    expected: str
    """In words or numbers, e.g. `0.094 ± 0.001` or `above 0.3`."""
    holds: bool
    low: float = math.nan
    """Ends of the 95 % confidence interval; NaN for what has none."""
    high: float = math.nan

    @property
    def shown(self) -> str:
        """The value with its interval, to read."""
        return self.written(" ({low} to {high})")

    def written(self, interval: str) -> str:
        """The value, and its interval in these words, which name `{low}` and `{high}`.

        Args:
            interval: Such as `" ({low} to {high})"`; left out where there is no interval.
        """
        text = _readable(self.value)
        if math.isfinite(self.low) and math.isfinite(self.high):
            text += interval.format(low=_readable(self.low), high=_readable(self.high))
        return text


@dataclass(frozen=True)
class Result:
    """What one run of an experiment found."""

    measurements: tuple[Measurement, ...]
    explanation: str
    """Two sentences that use the measured numbers."""
    figure: Spec
    """A Vega-Lite chart."""
    more: tuple[Spec, ...] = ()
    """Further charts."""
    seeds: int = 0
    """How many seeds each mean is over; 0 where chance has no part."""

    @property
    def verdict(self) -> Verdict:
        """`reproduced` if every measurement holds, `not here` if none does, else `partly`."""
        held = sum(measurement.holds for measurement in self.measurements)
        if held == len(self.measurements):
            return Verdict.REPRODUCED
        return Verdict.PARTLY if held else Verdict.NOT_HERE


@dataclass(frozen=True)
class Effort:
    """How much an experiment may do: a quick run has fewer seeds and steps, and says so."""

    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        """The number for this effort.

        Args:
            full: For a full run.
            quick: For a quick one.
        """
        return quick if self.quick else full


@dataclass(frozen=True)
class Claim:
    """One sentence and its experiment; `claims/` discovers every module-level `CLAIM`."""

    name: str
    """Words that stand for the sentence, e.g. `zero-initialisation-relu`."""
    sentences: tuple[str, ...]
    """Keys of `_textbook.SENTENCES` that it covers; empty for claims beyond the textbook."""
    text: str
    """The sentence as it is tested."""
    source: str
    published: str
    """What was reported before, with its numbers; or that no number was given."""
    kind: Kind
    experiment: Callable[[Effort], Result]
    correction: str = ""
    """What the textbook or a popular demonstration has wrong, and what is right."""


def _readable(number: float) -> str:
    if not math.isfinite(number):
        return "never" if number > 0 else str(number)
    if number == 0 or 1e-3 <= abs(number) < 1e5:
        return f"{number:.4g}"
    return f"{number:.2e}"
