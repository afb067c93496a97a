"""Is one run the other, to the bit? Losses of every step, and readings of the parameters.

Only what both runs have is compared: recordings are spaced by the time they take, so two runs do
not always record the same steps, and a killed run has lost its last losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from lifesigns.records import ParameterReading, Trace
from lifesigns.records.units import Floats

READINGS = ("weight_rms", "gradient_rms", "update_rms", "sign_coherence")
"""What is compared of each parameter."""
REDUCTION = 1e-5
"""Relative: two ways of summing one tensor (torch, a compiled program) differ by less."""
FACTOR = 3.0
"""A run lies within the spread of two arms if it is at most this many times as far from one of them
as they are from each other: one pair is a small sample of the spread."""


BROKEN_OFF = ("running", "interrupted", "ended by")
"""How outcomes begin of runs that somebody ended from outside, by a kill or a key."""


class Verdict(str, Enum):
    """Whether a run repeats."""

    IDENTICAL = "identical"
    WITHIN_SPREAD = "within spread"
    """Not to the bit; but two arms differ from each other as much."""
    DIFFERENT = "different"


@dataclass(frozen=True)
class Difference:
    """Where two runs part for the first time."""

    step: int
    what: str
    """`loss`, or a parameter and its reading, or `steps` for a run that is shorter."""
    one: float
    other: float


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other."""

    losses: int
    """How many losses both have."""
    readings: int
    """How many readings of parameters both have."""
    first: Difference | None
    """None if all of them are equal."""
    spread: float
    """RMS of the difference of their losses, in the loss's unit; 0 if they are equal."""


@dataclass(frozen=True)
class Identity:
    """Whether a run repeats, and how far repetitions lie apart."""

    verdict: Verdict
    comparison: Comparison
    noise: Comparison | None = None
    """Two arms beside each other, where those were needed: the noise floor."""


def compare(one: Trace, other: Trace) -> Comparison:
    """Puts two runs of one program beside each other.

    Args:
        one: The recorded run, or an arm.
        other: An arm.

    Example:
        >>> compare(Trace(), Trace())
        Comparison(losses=0, readings=0, first=None, spread=0.0)
    """
    common = min(len(one.losses.steps), len(other.losses.steps))
    mine, others = one.losses.values[:common], other.losses.values[:common]
    pairs = _pairs(one, other)
    candidates = [
        _first_loss(one, mine, others),
        _first_reading(pairs),
        _missing(one, other, common),
    ]
    found = [candidate for candidate in candidates if candidate is not None]
    first = min(found, key=lambda difference: difference.step, default=None)
    return Comparison(common, len(pairs), first, _spread(mine, others))


def identity(recorded: Trace, arm: Trace, second: Trace | None = None) -> Identity:
    """Whether `recorded` repeats in `arm`.

    Args:
        recorded: The run, or the first of two arms.
        arm: A training of the same program in the sandbox.
        second: Another one, by which the spread of identical arms is measured.
    """
    comparison = compare(recorded, arm)
    if comparison.first is None:
        return Identity(Verdict.IDENTICAL, comparison)
    if second is None:
        return Identity(Verdict.DIFFERENT, comparison)
    noise = compare(arm, second)
    is_within = comparison.spread <= FACTOR * noise.spread and not _is_cut(recorded, arm)
    return Identity(Verdict.WITHIN_SPREAD if is_within else Verdict.DIFFERENT, comparison, noise)


def _first_loss(one: Trace, mine: Floats, others: Floats) -> Difference | None:
    unequal = np.flatnonzero(~_equal(mine, others))
    if not len(unequal):
        return None
    at = unequal[0]
    return Difference(int(one.losses.steps[at]), "loss", float(mine[at]), float(others[at]))


def _equal(one: Floats, other: Floats) -> Any:
    """To the bit; one NaN is as good as another."""
    same = np.ascontiguousarray(one).view(np.int64) == np.ascontiguousarray(other).view(np.int64)
    return same | (np.isnan(one) & np.isnan(other))


def _pairs(one: Trace, other: Trace) -> list[Difference]:
    """The readings that both runs have, in the order of training."""
    theirs = _readings(other)
    return [
        Difference(step, f"{name}: {reading}", value, theirs[step, stream, name, reading])
        for (step, stream, name, reading), value in _readings(one).items()
        if (step, stream, name, reading) in theirs
    ]


def _readings(trace: Trace) -> dict[tuple[int, int, str, str], float]:
    return {
        (snapshot.step, snapshot.stream, parameter.name, reading): value
        for snapshot in trace.snapshots
        for parameter in snapshot.parameters
        for reading, value in _measured(parameter)
    }


def _measured(parameter: ParameterReading) -> list[tuple[str, float]]:
    values = [(name, float(getattr(parameter, name))) for name in READINGS]
    return [(name, value) for name, value in values if not np.isnan(value)]


def _first_reading(pairs: list[Difference]) -> Difference | None:
    for pair in pairs:
        if not np.isclose(pair.one, pair.other, rtol=REDUCTION, atol=0.0):
            return pair
    return None


def _missing(one: Trace, other: Trace, common: int) -> Difference | None:
    """One run goes on where the other has ended by itself."""
    if not _is_cut(one, other):
        return None
    longer = max(one, other, key=lambda trace: len(trace.losses.steps))
    return Difference(int(longer.losses.steps[common]), "steps", one.steps, other.steps)


def _is_cut(one: Trace, other: Trace) -> bool:
    shorter, longer = sorted((one, other), key=lambda trace: len(trace.losses.steps))
    is_shorter = len(shorter.losses.steps) < len(longer.losses.steps)
    return is_shorter and not shorter.info.outcome.startswith(BROKEN_OFF)


def _spread(one: Floats, other: Floats) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    return float(np.sqrt(np.mean((one[both] - other[both]) ** 2))) if both.any() else 0.0
