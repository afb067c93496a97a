"""What recorded steps say of a whole run: how much was seen, and how far a share may be off.

A rule that counts in recorded steps names them (`Seen`). It says "never" only where nothing was
left out. What was counted over samples comes with bounds for all samples of such steps, at 95 %
confidence, and for all units of a layer together.

The bounds take samples as independent of one another, and steps that were not recorded as like
those that were: they know nothing of what changed in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.records import Floats, Snapshot, Trace

CONFIDENCE = 0.95
HALVINGS = 50
"""Of the interval in which a bound is searched: 2⁻⁵⁰ of it is left."""


@dataclass(frozen=True)
class Seen:
    """The steps in which something was looked at, among those of the run."""

    steps: int
    total: int
    """Steps of the run, trained by the same losses."""
    whole: bool
    """Whether no step and no backward pass was left out: only then "never" may be said."""

    def __str__(self) -> str:
        """What follows "in": "15 of 880 steps", "all 880 steps"."""
        if not self.whole:
            return f"{self.steps} of {self.total} steps"
        return "the only step" if self.total == 1 else f"all {self.total} steps"


def seen(trace: Trace, snapshots: Sequence[Snapshot], since: int = 0) -> Seen:
    """How much of the run, or of its steps from `since` on, these snapshots show.

    Args:
        trace: The run.
        snapshots: Those that a statement rests on.
        since: The first step that the statement is about.
    """
    curve = trace.losses
    steps = {snapshot.step for snapshot in snapshots}
    own = np.isin(curve.streams, [snapshot.stream for snapshot in snapshots])
    passes = curve.steps[own & (curve.steps >= since)]
    last = max(trace.steps, *(step + 1 for step in steps), since)
    total = last - since if own.all() else len(np.unique(passes))
    whole = len(snapshots) >= max(total, len(passes), 1) and not trace.unseen and not trace.severed
    return Seen(len(steps), max(total, len(steps)), whole)


def at_most(samples: int, among: int = 1) -> float:
    """The rate that is not exceeded by what happened in none of the samples.

    Of `among` things none happened; with 95 % confidence that holds for each of them at once. For
    one thing it is the rule of three: about 3 / samples.

    Args:
        samples: Independent ones, 0 and more.
        among: Things that were looked at, whether they happened or not.

    Example:
        >>> round(at_most(100), 3), round(at_most(100, among=64), 3)
        (0.03, 0.069)

    Source:
        Clopper & Pearson 1934, one-sided; Hanley & Lippman-Hand 1983.
    """
    return 1 - ((1 - CONFIDENCE) / among) ** (1 / samples) if samples else 1.0


def bounds(shares: ArrayLike, samples: int) -> tuple[Floats, Floats]:
    """Where the shares among all samples lie, with 95 % confidence for all of them together.

    A sample may count in part, as by the share of its positions.

    Args:
        shares: Of the recorded samples, any shape.
        samples: Independent ones, the same for each share; 0 and more.

    Returns:
        Lower and upper bounds of the shape of `shares`.

    Example:
        >>> low, high = bounds([0.0, 0.5], samples=100)
        >>> low.round(2).tolist(), high.round(2).tolist()
        ([0.0, 0.36], [0.04, 0.64])

    Source:
        Hoeffding 1963, theorem 1: the mean m of n independent values from 0 to 1 has
        n KL(m, p) > log(1 / α) on either side of its expectation p with a probability of at most α.
    """
    each = np.asarray(shares, np.float64)
    allowed = math.log(2 * max(each.size, 1) / (1 - CONFIDENCE)) / samples if samples else np.inf
    return _farthest(each, np.zeros_like(each), allowed), _farthest(
        each, np.ones_like(each), allowed
    )


def bounds_of(share: float, samples: int) -> tuple[float, float]:
    """The same of a single share.

    Args:
        share: Of the recorded samples.
        samples: As in `bounds`.
    """
    low, high = bounds(share, samples)
    return float(low), float(high)


def _farthest(shares: Floats, end: Floats, allowed: float) -> Floats:
    """The point farthest from each share towards an end, whose divergence is still allowed."""
    near, far = shares.copy(), end
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        inside = _divergence(shares, middle) <= allowed
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return far


def _divergence(shares: Floats, rates: Floats) -> Floats:
    """That of Kullback and Leibler, between what happens with probability `shares` and `rates`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        active = np.where(shares > 0, shares * np.log(shares / rates), 0.0)
        silent = np.where(shares < 1, (1 - shares) * np.log((1 - shares) / (1 - rates)), 0.0)
    return np.asarray(active + silent)


def exceeding(shares: ArrayLike, limit: float, samples: int) -> tuple[float, float]:
    """The share of units that surely exceed a limit, and of those that may.

    Args:
        shares: What each unit reached in the recorded samples.
        limit: A share, such as a half.
        samples: As in `bounds`.

    Example:
        >>> exceeding([0.9, 0.55, 0.1, 0.0], 0.5, samples=100)
        (0.25, 0.5)
    """
    low, high = bounds(shares, samples)
    return float(np.mean(low > limit)), float(np.mean(high > limit))


def percent(share: float) -> str:
    """A share for a text, with two digits.

    Example:
        >>> percent(0.00427), percent(0.999)
        ('0.43 %', '100 %')
    """
    return f"{float(f'{100 * share:.2g}'):g} %"


def within(interval: tuple[float, float]) -> str:
    """An interval of a share, for `measured` or `certainty`.

    Example:
        >>> within((0.75, 0.845))
        '75 % to 84 % at 95 % confidence'
    """
    ends = dict.fromkeys(map(percent, interval))
    return f"{' to '.join(ends)} at {percent(CONFIDENCE)} confidence"
