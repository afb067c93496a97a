"""Whether the work that is left is worth starting processes for: asked of the work itself."""

from __future__ import annotations

import time

WORTH = 5.0
"""Seconds of work that make a process worth its start: it imports for about 3 s of CPU time."""
LOOK = 0.25
"""Seconds of training that tell how long all of it would take."""


class WorthProcesses(Exception):
    """What is left would keep so many processes busy for longer than they take to start."""

    def __init__(self, processes: int) -> None:
        super().__init__(processes)
        self.processes = processes


class Pace:
    """How fast this process trains.

    Args:
        jobs: Most processes there may be.
        steps: Member-steps to be trained.
    """

    def __init__(self, jobs: int, steps: int) -> None:
        self._jobs, self._left, self._done = jobs, steps, 0
        self._start: float | None = None

    def trained(self, steps: int) -> None:
        """Counts what was trained. The clock starts with the first call, when all is loaded.

        Args:
            steps: Member-steps since the last call.

        Raises:
            WorthProcesses: Two or more processes should train what is left.
        """
        if self._start is None:
            self._start = time.thread_time()
            return
        self._done += steps
        self._left -= steps
        seconds = time.thread_time() - self._start
        if seconds < LOOK or not self._done:
            return
        processes = min(self._jobs, int(seconds / self._done * self._left / WORTH))
        if processes > 1:
            raise WorthProcesses(processes)
