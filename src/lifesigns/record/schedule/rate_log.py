"""The learning rates of the optimizers, read at every step and noted where they change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.attach.guard import is_from_a_signal
from lifesigns.record.readable import without_modes
from lifesigns.records import RateCurve

MOST_GROUPS = 8
"""Groups of one optimizer that are followed; a schedule moves them all alike."""
MOST_CHANGES = 256
"""Changes of one group that are kept; of more, evenly spaced ones and the latest."""
_MOST_LATE = 1024
"""Changes that are set down later, all at once."""


class RateLog:
    """Follows the rates of every group of every optimizer that steps.

    A group has a number of its own for as long as its optimizer lives; the groups of an optimizer
    that takes the place of another go on with its numbers.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[list[Any], int, int]] = {}
        self._lines: list[_Line] = []
        self._late: list[tuple[int, int, list[float]]] = []

    def look(self, optimizer: Optimizer, step: int) -> None:
        """Notes what has changed, right after a step.

        Cost: a look at each group where nothing has, which shows by the identity of the numbers.

        Args:
            optimizer: The one that has stepped.
            step: Number of the cycle.
        """
        groups, seen = optimizer.param_groups, self._seen.get(id(optimizer))
        if seen is not None and len(groups) == seen[2]:
            for group, rate in zip(groups, seen[0]):  # noqa: B905 (a keyword doubles its cost)
                if group.get("lr") is not rate:
                    break
            else:
                return
        self._note(optimizer, [group.get("lr") for group in groups[:MOST_GROUPS]], step)

    def moved(self, optimizer: Optimizer, step: int) -> None:
        """The short form of `look`, where a schedule moves the rates at every step.

        Args:
            optimizer: The one that has stepped; one of its rates is another than before.
            step: Number of the cycle.
        """
        groups = optimizer.param_groups
        rates: list[Any] = [group.get("lr") for group in groups[:MOST_GROUPS]]
        if len(self._late) < _MOST_LATE and all(type(rate) is float for rate in rates):
            _, first, count = self._seen.get(id(optimizer), ((), 0, 0))
            if len(groups) == count and not math.isnan(self._lines[first].target):
                self._seen[id(optimizer)] = rates, first, count
                self._late.append((first, step, rates))
                return
        self._note(optimizer, rates, step)

    def seen_of(self, optimizer: Optimizer) -> tuple[Sequence[Any], int]:
        """The rates of the first groups as they were seen last, and how many groups there were.

        Args:
            optimizer: One that may have stepped.
        """
        rates, _, groups = self._seen.get(id(optimizer), ((), 0, 0))
        return rates, groups

    def look_again(self, optimizers: list[Optimizer], step: int) -> None:
        """Forgets those that are gone, and reads rates that change in place: tensors.

        Args:
            optimizers: All that are alive.
            step: Number of the cycle.
        """
        self._catch_up()
        alive = {id(optimizer) for optimizer in optimizers}
        self._seen = {key: seen for key, seen in self._seen.items() if key in alive}
        for optimizer in optimizers:
            rates = self._seen.get(id(optimizer), ([], 0, 0))[0]
            if any(isinstance(rate, Tensor) for rate in rates):
                self._note(optimizer, rates, step)

    def curve(self) -> RateCurve:
        """All changes so far, one group after the other."""
        self._catch_up()
        sizes = [len(line.steps) for line in self._lines]
        return RateCurve(
            steps=np.array([s for line in self._lines for s in line.steps], np.int64),
            groups=np.repeat(np.arange(len(sizes)), sizes),
            values=np.array([v for line in self._lines for v in line.values], np.float64),
            targets=np.array([line.target for line in self._lines], np.float64),
        )

    def _catch_up(self) -> None:
        for first, step, rates in self._late:
            for line, rate in zip(self._lines[first:], rates, strict=False):
                line.note(step, rate, math.nan)
        self._late.clear()

    def _note(self, optimizer: Optimizer, rates: list[Any], step: int) -> None:
        self._catch_up()
        with without_modes():
            self._read(optimizer, rates, step)

    def _read(self, optimizer: Optimizer, rates: list[Any], step: int) -> None:
        known = self._seen.get(id(optimizer))
        first = known[1] if known and len(known[0]) == len(rates) else self._free(len(rates))
        self._seen[id(optimizer)] = rates, first, len(optimizer.param_groups)
        for line, rate, group in zip(
            self._lines[first:], rates, optimizer.param_groups, strict=False
        ):
            line.note(step, as_number(rate), _target(group))

    def _free(self, groups: int) -> int:
        """Where the lines of a new optimizer begin: after those of the others that are alive."""
        first = max((at + len(rates) for rates, at, _ in self._seen.values()), default=0)
        while len(self._lines) < first + groups:
            self._lines.append(_Line())
        return first


class _Line:
    """The rate of one group: each value with the step from which it was used."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: list[float] = []
        self.target = math.nan
        self._numbers: list[int] = []
        self._changes, self._stride = 0, 1

    def note(self, step: int, rate: float, target: float) -> None:
        self.target = self.target if math.isnan(target) else target
        if self.values and (self.values[-1] == rate or math.isnan(rate)):
            return
        if self._numbers and self._numbers[-1] % self._stride:  # it was kept as the latest
            self._keep(slice(-1))
        self.steps.append(step)
        self.values.append(rate)
        self._numbers.append(self._changes)
        self._changes += 1
        if len(self.steps) > MOST_CHANGES:
            self._stride *= 2
            self._keep(slice(None, None, 2))

    def _keep(self, those: slice) -> None:
        self.steps, self.values = self.steps[those], self.values[those]
        self._numbers = self._numbers[those]


def as_number(rate: Any) -> float:
    """A learning rate as a number; NaN where an optimizer has none, or finds it by itself."""
    try:
        return float(rate.detach() if isinstance(rate, Tensor) else rate)
    except Exception as error:  # a rate may be an object of the user's own
        if is_from_a_signal(error):
            raise
        return math.nan


def _target(group: dict[str, Any]) -> float:
    """The rate a scheduler starts from or leads up to, as it notes in the group; NaN without."""
    full = group.get("max_lr", group.get("initial_lr"))
    return full if type(full) is float else as_number(full)
