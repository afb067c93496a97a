"""When to record."""

from __future__ import annotations

from dataclasses import dataclass

from lifesigns.records import Cost

FIRST = 2
"""The first cycles are always recorded: initialisation shows there."""
DENSE = 16
"""From here on one cycle of every doubling is wanted, before that one in two doublings."""
SHORT = 1.0
"""Seconds of training for which some cycles are recorded whatever they cost: rules need them."""
MODEST = 0.05
"""Share of these seconds up to which some more are."""
RESERVED = 0.5
"""Share of the budget that is for recordings, however much the idle steps cost."""


@dataclass
class Every:
    """Records each N-th cycle; 1 records all."""

    n: int

    def due(self, step: int, cost: Cost, latest: float) -> bool:
        """Whether to record cycle `step`.

        Args:
            step: Number of the cycle.
            cost: What watching has cost so far.
            latest: Seconds the latest recording took.
        """
        return step % self.n == 0

    def rests(self, step: int, cost: Cost, latest: float) -> int:
        """How many cycles from `step` on are not due for certain; see `due`."""
        return self.n - 1 - (step - 1) % self.n

    def ask(self, *, surely: int = 0) -> None:
        """Nothing but each N-th cycle is recorded."""


@dataclass
class Budget:
    """Spaces the recordings so that watching stays within a share of the training time.

    What the first cycles and the idle steps cost counts, and spaces the others; on a network so
    small that its idle steps alone cost more than that, a part is `RESERVED` for recordings. In the
    first second of training some are wanted: 4, 16, 32, 64, 128, …, for nobody knows beforehand
    which cycle is the last, and those that were asked for. All but 16 are then recorded whatever
    they cost, so that a training that is over by then has the last of them in its second half; 16
    and those that were asked for up to a `MODEST` share.
    """

    share: float = 0.01
    _asked: bool = False
    _sure: int = 0

    def due(self, step: int, cost: Cost, latest: float) -> bool:
        """Whether to record cycle `step`.

        Args:
            step: Number of the cycle.
            cost: What watching has cost so far.
            latest: Seconds the latest recording took.
        """
        asked, sure = self._asked, self._sure
        self._asked, self._sure = False, max(sure - 1, 0)
        if step < FIRST or sure or self._missing(cost, latest) <= 0:
            return True
        if cost.training >= SHORT or not (asked or _next_milestone(step) == step):
            return False
        return _is_needed(step) or cost.watching + latest <= MODEST * cost.training

    def rests(self, step: int, cost: Cost, latest: float) -> int:
        """How many cycles from `step` on are not due for certain; see `due`.

        What the budget allows depends on how long the cycles take: half of them are left out, and
        then it is asked again.
        """
        training = cost.training
        affordable = int(self._missing(cost, latest) * step / training / 2) if training > 0 else 0
        return max(min(affordable, _next_milestone(step) - step), 0)

    def _missing(self, cost: Cost, latest: float) -> float:
        """Seconds of training that are missing until another recording is affordable."""
        recordings = cost.first_steps + cost.recordings + latest
        needed = min(recordings + cost.idle_steps, recordings / RESERVED) / self.share
        return needed - cost.training

    def ask(self, *, surely: int = 0) -> None:
        """The next cycle is wanted: something has changed.

        Args:
            surely: How many are recorded whatever they cost, as few in a run as the first cycles.
        """
        self._asked, self._sure = True, max(self._sure, surely)


def _is_needed(step: int) -> bool:
    """Of the milestones all but 16, which tells too little for its price where that is high."""
    return step != DENSE and _next_milestone(step) == step


def _next_milestone(step: int) -> int:
    """The first from `step` on that is 4, 16, or a larger power of two."""
    if step <= DENSE:
        return 4 if step <= 4 else DENSE
    return 1 << (step - 1).bit_length()
