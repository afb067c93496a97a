"""When to record."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 2
"""The first cycles are always recorded: initialisation shows there."""


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


@dataclass
class Budget:
    """Spaces the recordings so that watching stays within a share of the training time.

    Besides the first cycles, cycle 4, 16, 64, … is recorded whatever it costs: a run of half a
    second would otherwise be judged by its first two steps. Their number grows with the logarithm
    of the run, so the share holds for every run longer than a few seconds.
    """

    share: float = 0.01

    def due(self, step: int, watching: float, training: float, last_cost: float) -> bool:
        """Whether to record cycle `step`.

        Args:
            step: Number of the cycle.
            watching: Seconds spent watching so far.
            training: Seconds of training so far, without watching.
            last_cost: Seconds the last recording took.
        """
        if step < FIRST or watching + last_cost <= self.share * training:
            return True
        is_power_of_two = step & (step - 1) == 0
        return is_power_of_two and step.bit_length() % 2 == 1
