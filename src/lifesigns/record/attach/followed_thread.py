"""The one thread whose training is followed, of all that run backward passes.

Reading the gradients of a network while another thread's backward pass writes them ends the
process. So what other threads train is left to them: their passes and steps are counted, no more.
"""

from __future__ import annotations

import threading
import time

PASSES, SECONDS = 64, 10.0
"""Backward passes of other threads, and time, after which a thread that made none is left."""
NOBODY = 0


class TrainingThread:
    """Tells the thread that is followed from others: the first one, until it has ended or idles."""

    def __init__(self) -> None:
        self._followed = NOBODY
        self._inside: set[int] = set()
        self._passed_over, self._latest = 0, 0.0
        self.trains = False
        """Whether the one that is followed has made a pass since another's was left out."""
        self.in_quiet_pass = False
        """Whether it is inside a pass of which `enter` was not told."""
        self.left_out = 0
        """Backward passes of other threads."""

    @property
    def is_here(self) -> bool:
        """Whether what this thread does is followed; so it is everywhere as long as nobody is."""
        return self._followed in (NOBODY, threading.get_ident())

    @property
    def is_elsewhere(self) -> bool:
        """Whether another thread is followed that may be training at this moment."""
        return not self.is_here and _is_alive(self._followed)

    @property
    def is_alone(self) -> bool:
        """Whether no other thread has trained yet: whatever is trained is trained here."""
        return not self.left_out

    @property
    def is_inside(self) -> bool:
        """Whether the thread that is followed is inside a backward pass."""
        return self.in_quiet_pass or self._followed in self._inside

    @property
    def is_only_one_inside(self) -> bool:
        """Whether what happens inside a backward pass happens inside the one that is followed.

        Devices have threads of their own, which run its hooks.
        """
        followed = {self._followed}
        return self._inside == followed or (self.in_quiet_pass and self._inside <= followed)

    def enter(self) -> None:
        """This thread begins a backward pass."""
        ident = threading.get_ident()
        self._inside.add(ident)
        if ident == self._followed:
            self.trains = True

    def leave(self) -> None:
        """It has ended."""
        self._inside.discard(threading.get_ident())

    def follow(self) -> None:
        """Follows this thread from here on."""
        self._followed = threading.get_ident()
        self._wait_from_here()

    def is_left(self) -> bool:
        """Whether a pass of this thread may be followed instead; if not, it is left out."""
        if self.trains:
            self._wait_from_here()
        self._passed_over += 1
        if not self.is_inside and (self._is_idle or not _is_alive(self._followed)):
            self._wait_from_here()
            return True
        self.left_out += 1
        return False

    @property
    def _is_idle(self) -> bool:
        return self._passed_over > PASSES and time.monotonic() - self._latest > SECONDS

    def _wait_from_here(self) -> None:
        self._passed_over, self._latest = 0, time.monotonic()
        self.trains = False


def _is_alive(ident: int) -> bool:
    # `threading.current_thread` would leave an object behind for a thread Python did not start.
    return any(thread.ident == ident for thread in threading.enumerate())
