"""An optimizer whose momentum has a longer memory than what its steps are scaled by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LongMomentum:
    """The `betas` of an optimizer like Adam, as it began with them: the first above the second."""

    optimizer: str
    """Its class name."""
    first: float
    """Decay of the average of the gradients, below 1."""
    second: float
    """Decay of the average of their squares."""

    @property
    def memories(self) -> tuple[float, float]:
        """Steps that are averaged over: of the gradients, and of their squares.

        Example:
            >>> [round(steps) for steps in LongMomentum("Adam", 0.999, 0.9).memories]
            [1000, 10]
        """
        return 1 / (1 - self.first), 1 / (1 - self.second)
