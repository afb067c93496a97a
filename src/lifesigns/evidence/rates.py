"""What the learning rate did over the run: whether a schedule ran out, or never got going."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lifesigns.records import Floats, Ints, Trace

POINTS = 1000
"""Steps at which the rates are compared, evenly spaced: a run of a million has as many."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """The learning rate over the run, that of the group which kept most of its own highest."""

    steps: Ints
    """Steps at which it was looked up, the first and the last of the run among them."""
    shares: Floats
    """The rate of a step over the highest of its group, the largest of all groups."""
    rates: Floats
    """The largest rate of all groups."""
    target: float
    """The full rate that a scheduler leads up to; NaN if none noted it."""

    @property
    def peak(self) -> float:
        """The highest rate of the run."""
        return float(self.rates.max())

    @property
    def last(self) -> float:
        """The rate of the last step."""
        return float(self.rates[-1])

    def end(self, share: float) -> int:
        """The first step from which the rate stayed below `share` of its highest; -1 if none."""
        above = np.flatnonzero(self.shares >= share)
        place = int(above[-1]) + 1 if len(above) else 0
        return int(self.steps[place]) if place < len(self.steps) else -1

    def after(self, step: int) -> float:
        """The share of the run that lies behind a step."""
        return 1 - step / max(int(self.steps[-1]) + 1, 1)

    @property
    def only_rises(self) -> bool:
        """Whether the rate rose throughout the run and still did in its last tenth."""
        late = self.rates[-max(2, len(self.rates) // 10) :]
        return bool((np.diff(self.rates) >= 0).all() and late[-1] > late[0])

    @property
    def share_of_target(self) -> float:
        """The last rate over the one that was the target; NaN where that is unknown."""
        return self.last / self.target if self.target > 0 else math.nan


def schedule_of(trace: Trace) -> Schedule | None:
    """The schedule of a run; None if no rate was read."""
    count = min(trace.steps, POINTS)
    if not len(trace.rates.steps) or count < 1:
        return None
    steps = np.unique(np.linspace(0, trace.steps - 1, count).round().astype(np.int64))
    rates = trace.rates.at(steps)
    known = np.isfinite(rates)
    steps, rates = steps[known.any(1)], rates[known.any(1)][:, known.any(0)]
    if not rates.size:
        return None
    highest = np.nanmax(rates, 0)
    shares = rates[:, highest > 0] / highest[highest > 0]
    targets = trace.rates.targets[np.isfinite(trace.rates.targets)]
    return Schedule(
        steps,
        np.nanmax(shares, 1, initial=0.0),
        np.nanmax(rates, 1),
        float(targets.max()) if len(targets) else math.nan,
    )
