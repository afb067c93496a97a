"""Is one run the other, to the bit? Losses of every step, and what was read in recorded ones.

Only what both runs have is compared: recordings are spaced by the time they take, so two runs do
not always record the same steps, and a killed run has lost its last losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lifesigns.records import Trace
from lifesigns.records.units import Floats
from lifesigns.report.comparison.divergence import divergence
from lifesigns.report.comparison.recordings import Difference, Phase

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
class Comparison:
    """Two runs beside each other."""

    losses: int
    """How many losses both have."""
    snapshots: int
    """How many steps both have recorded."""
    first: Difference | None
    """Where they part; None if all of that is equal."""
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
        Comparison(losses=0, snapshots=0, first=None, spread=0.0)
    """
    parted = divergence(one, other)
    common = parted.losses
    first = parted.difference or (_shorter(one, other, common) if _is_cut(one, other) else None)
    spread = _spread(one.losses.values[:common], other.losses.values[:common])
    return Comparison(common, parted.snapshots, first, spread)


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


def _shorter(one: Trace, other: Trace, common: int) -> Difference:
    """One run goes on where the other has ended by itself."""
    longer = max(one, other, key=lambda trace: len(trace.losses.steps))
    step = int(longer.losses.steps[common])
    return Difference(step, 0, Phase.LOSS, "", "number of steps", -1, one.steps, other.steps)


def _is_cut(one: Trace, other: Trace) -> bool:
    shorter, longer = sorted((one, other), key=lambda trace: len(trace.losses.steps))
    is_shorter = len(shorter.losses.steps) < len(longer.losses.steps)
    return is_shorter and not shorter.info.outcome.startswith(BROKEN_OFF)


def _spread(one: Floats, other: Floats) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    return float(np.sqrt(np.mean((one[both] - other[both]) ** 2))) if both.any() else 0.0
