"""What was read in one backward pass, before anybody has looked at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from lifesigns.records import ParameterReading, Snapshot

Parameters = Callable[[], tuple[ParameterReading, ...]]
"""Makes the readings of parameters."""


class Make(Protocol):
    """Makes a snapshot of what was read in a pass."""

    def __call__(
        self, step: int, stream: int, parameters: tuple[ParameterReading, ...]
    ) -> Snapshot:
        """The snapshot.

        Args:
            step: Number of the cycle.
            stream: Number of the loss.
            parameters: Of the cycle.
        """


@dataclass(slots=True)
class Taken:
    """A snapshot that is made when it is first looked at.

    Until then it is a few arrays. In a run of which every step is recorded, most snapshots leave
    memory before anybody has looked at them.
    """

    step: int
    stream: int
    """Number of its loss; until the cycle ends, of the loss's row."""
    size: int
    """About how many bytes it takes, parameters left out."""
    is_notable: bool
    """Whether it is kept because of what happened in it."""
    make: Make | None
    """None once it was made."""
    parameters: Parameters = tuple
    made: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """The snapshot, the same each time."""
        make, made = self.make, self.made
        if made is None and make is not None:
            made = self.made = make(self.step, self.stream, self.parameters())
            self.make, self.parameters = None, tuple  # the arrays are the snapshot's now
        assert made is not None, "a snapshot was made and is gone"
        return made

    def join(self, step: int) -> None:
        """It belongs to `step`, if it was taken later."""
        self.step = min(self.step, step)
        if self.made is not None and self.made.step > step:
            self.made = replace(self.made, step=step)
