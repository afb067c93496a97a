"""How long a run has taken, and how much of that watching it took."""

from __future__ import annotations

import time

from lifesigns.records import Cost


class Clock:
    """Seconds of wall time; whoever watches adds what it took to `watching`."""

    def __init__(self) -> None:
        self.watching = 0.0
        """Seconds spent inside lifesigns."""
        self.began: float | None = None
        """When training began, by `time.perf_counter`; None before that."""
        self._ended: float | None = None

    def spend(self, seconds: float) -> None:
        """Watching has taken some time."""
        self.watching += seconds

    def end(self) -> None:
        """Training is over: time no longer counts."""
        self._ended = time.perf_counter()

    def cost(self) -> Cost:
        """What watching has cost so far."""
        if self.began is None:
            return Cost(self.watching, 0.0)
        elapsed = (self._ended or time.perf_counter()) - self.began
        return Cost(self.watching, max(elapsed - self.watching, 0.0))
