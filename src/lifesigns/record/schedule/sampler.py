"""When to record."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 2
"""The first cycles are always recorded: initialisation shows there."""
DENSE = 16
"""From here on one cycle of every doubling is wanted, before that one in two doublings."""
SHORT = 1.0
"""Seconds of training for which some cycles are recorded whatever they cost: rules need them."""
MODEST = 0.05
"""Share of these seconds up to which some more are."""
LEEWAY = 2.0
"""Times the budget that all of those may cost later on."""


@dataclass
class Every:
    """Records each N-th cycle; 1 records all."""

    n: int

    def due(self, step: int, watching: float, training: float, last_cost: float) -> bool:
        """Whether to record cycle `step`.

        Args:
            step: Number of the cycle.
            watching: Seconds spent watching so far.
            training: Seconds of training so far, without watching.
            last_cost: Seconds the last recording took.
        """
        return step % self.n == 0

    def rests(self, step: int, watching: float, training: float, last_cost: float) -> int:
        """How many cycles from `step` on are not due for certain; see `due`."""
        return self.n - 1 - (step - 1) % self.n

    def ask(self, *, surely: bool = False) -> None:
        """Nothing but each N-th cycle is recorded."""


@dataclass
class Budget:
    """Spaces the recordings so that watching stays within a share of the training time.

    What the first cycles cost counts, and spaces the others. Some are wanted: 4, 16, 32, 64, 128,
    …, for nobody knows beforehand which cycle is the last, and those that were asked for. In the
    first second of training all but 16 are recorded whatever they cost, so that a training that is
    over by then has the last of them in its second half; 16 and those that were asked for up to a
    `MODEST` share. Later all are, within `LEEWAY` times the budget.
    """

    share: float = 0.01
    _asked: bool = False
    _sure: bool = False

    def due(self, step: int, watching: float, training: float, last_cost: float) -> bool:
        """Whether to record cycle `step`.

        Args:
            step: Number of the cycle.
            watching: Seconds spent watching so far.
            training: Seconds of training so far, without watching.
            last_cost: Seconds the last recording took.
        """
        asked, sure = self._asked, self._sure
        self._asked = self._sure = False
        allowed, cost = self.share * training, watching + last_cost
        if step < FIRST or sure or cost <= allowed:
            return True
        if not asked and _next_milestone(step) != step:
            return False
        if training < SHORT:
            return _is_needed(step) or cost <= MODEST * training
        return cost <= LEEWAY * allowed

    def rests(self, step: int, watching: float, training: float, last_cost: float) -> int:
        """How many cycles from `step` on are not due for certain; see `due`.

        What the budget allows depends on how long the cycles take: half of them are left out, and
        then it is asked again.
        """
        missing = (watching + last_cost) / self.share - training
        affordable = int(missing * step / training / 2) if training > 0 else 0
        return max(min(affordable, _next_milestone(step) - step), 0)

    def ask(self, *, surely: bool = False) -> None:
        """The next cycle is wanted: something has changed.

        Args:
            surely: Whether it is recorded whatever it costs, as few times in a run as the first
                cycles are.
        """
        self._asked, self._sure = True, self._sure or surely


def _is_needed(step: int) -> bool:
    """Of the milestones all but 16, which tells too little for its price where that is high."""
    return step != DENSE and _next_milestone(step) == step


def _next_milestone(step: int) -> int:
    """The first from `step` on that is 4, 16, or a larger power of two."""
    if step <= DENSE:
        return 4 if step <= 4 else DENSE
    return 1 << (step - 1).bit_length()
