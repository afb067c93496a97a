"""How long a run has taken, and how much of that watching it took."""

from __future__ import annotations

import time
from collections import deque
from enum import Enum, auto
from statistics import median_low

from lifesigns.records import Cost

TIMED, NINTH = 16, 9
"""Of as many idle steps one is timed, and stands for all: the ninth, for the first often follows a
recorded one (16, 32, 64, …), and finds the caches of the processor full of that."""
DISPATCH = 3e-6
"""Seconds that the call itself takes, which cannot be timed from within: half of the 7 µs that a
wrapper of `backward` and a hook of `Optimizer.step` cost that do nothing, in a step of 0.34 ms."""


class Spent(Enum):
    """What watching takes time for while a network trains."""

    FIRST_STEPS = auto()
    IDLE_STEPS = auto()
    RECORDINGS = auto()


FIRST_STEPS, IDLE_STEPS, RECORDINGS = Spent


class Clock:
    """Seconds of wall time; whoever watches tells what it took."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys(Spent, 0.0)
        self._samples: dict[str, deque[float]] = {}
        self.kind = FIRST_STEPS
        """What the time that is spent now is for."""
        self.watching = 0.0
        """Seconds spent inside lifesigns."""
        self.began: float | None = None
        """When training began, by `time.perf_counter`; None before that."""
        self._ended: float | None = None

    def spend(self, seconds: float) -> None:
        """Watching has taken some time."""
        self.watching += seconds
        self._spent[self.kind] += seconds

    def sample(self, what: str, seconds: float) -> None:
        """One of `TIMED` idle steps has taken some time, and the others as long.

        What the machine does in between is not to count for all: the median of three samples does.

        Args:
            what: What was done in it.
            seconds: How long it took, with `DISPATCH` for each call.
        """
        latest = self._samples.setdefault(what, deque(maxlen=3))
        latest.append(seconds)
        self.spend(seconds + (TIMED - 1) * median_low(latest))

    def end(self) -> None:
        """Training is over: time no longer counts."""
        self._ended = time.perf_counter()

    def cost(self) -> Cost:
        """What watching has cost so far."""
        training = 0.0
        if self.began is not None:
            elapsed = (self._ended or time.perf_counter()) - self.began
            training = max(elapsed - self.watching, 0.0)
        return Cost(self.watching, training, *self._spent.values())
