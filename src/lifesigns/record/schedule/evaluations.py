"""When the networks that are trained were put in evaluation mode."""

from __future__ import annotations

import numpy as np

from lifesigns.records import Ints

MOST = 1000
"""Steps that are kept: where there are more, every other one goes."""
FIRST = 2
"""Evaluations after which a step is recorded: training may go on in evaluation mode."""


class Evaluations:
    """Numbers of the steps after which an evaluation began."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._seen, self._stride, self._latest = 0, 1, -1

    def note(self, step: int) -> None:
        """An evaluation begins; several after one step count as one.

        Args:
            step: Completed steps of training.
        """
        if step <= self._latest:
            return
        self._latest = step
        if self._seen % self._stride == 0:
            self._steps.append(step)
        self._seen += 1
        if len(self._steps) > MOST:
            self._steps = self._steps[::2]
            self._stride *= 2

    @property
    def is_among_the_first(self) -> bool:
        """Whether a step is to be recorded after the latest one."""
        return self._seen <= FIRST

    def steps(self) -> Ints:
        """Those that are kept, ascending."""
        return np.array(self._steps, np.int64)
