"""When to record."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 2
"""The first cycles are always recorded: initialisation shows there."""
DENSE = 16
"""From here on two cycles of every doubling are recorded, before that one in two doublings."""


@dataclass
class Every:
    """Records each N-th cycle; `every=1` is exact."""

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

    def ask(self) -> None:
        """Nothing but each N-th cycle is recorded."""


@dataclass
class Budget:
    """Spaces the recordings so that watching stays within a share of the training time.

    Besides the first cycles, some are recorded whatever they cost: 4, 16, 24, 32, 48, 64, 96, …,
    and those that were asked for. Nobody knows beforehand which cycle is the last, and so the last
    recorded one always lies in the last third of the run. Their number grows with the logarithm of
    the run, so the share holds for every run longer than some seconds.
    """

    share: float = 0.01
    _asked: bool = False

    def due(self, step: int, watching: float, training: float, last_cost: float) -> bool:
        """Whether to record cycle `step`.

        Args:
            step: Number of the cycle.
            watching: Seconds spent watching so far.
            training: Seconds of training so far, without watching.
            last_cost: Seconds the last recording took.
        """
        asked, self._asked = self._asked, False
        if asked or step < FIRST or watching + last_cost <= self.share * training:
            return True
        return _is_milestone(step)

    def rests(self, step: int, watching: float, training: float, last_cost: float) -> int:
        """How many cycles from `step` on are not due for certain; see `due`.

        What the budget allows depends on how long the cycles take: half of them are left out, and
        then it is asked again.
        """
        missing = (watching + last_cost) / self.share - training
        affordable = int(missing * step / training / 2) if training > 0 else 0
        return max(min(affordable, _next_milestone(step) - step), 0)

    def ask(self) -> None:
        """Records the next cycle, whatever it costs: something has changed."""
        self._asked = True


def _is_milestone(step: int) -> bool:
    """Whether a step is 4, or 16 or more and a power of two or three times one."""
    return _next_milestone(step) == step


def _next_milestone(step: int) -> int:
    """The first from `step` on."""
    if step <= DENSE:
        return next(m for m in (4, DENSE) if m >= step)
    above = 1 << (step - 1).bit_length()  # the power of two from here on
    return next(m for m in (above // 4 * 3, above) if m >= step)
