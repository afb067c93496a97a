"""Keeps the recorder's own failures from reaching the user's run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from lifesigns._errors import RecorderError

MOST_FAILURES = 16


class Guard:
    """Runs parts of the recorder, one thread at a time.

    Args:
        strict: Raise failures instead of noting them.
        give_up: Called after a failure.
    """

    def __init__(self, strict: bool, give_up: Callable[[], None]) -> None:
        self.strict, self._give_up = strict, give_up
        self._lock = threading.RLock()
        self.failures: dict[str, None] = {}
        """What failed, each once."""

    def __call__(self, action: Callable[..., None], *arguments: Any) -> None:
        """Runs a part; its failure never reaches the user's run, unless in strict mode."""
        try:
            with self._lock:
                action(*arguments)
        except Exception as error:
            self._give_up()
            if len(self.failures) < MOST_FAILURES:
                self.failures[f"{type(error).__name__}: {error}"] = None
            if self.strict:
                raise RecorderError(f"the recorder failed: {error}") from error

    def renew(self) -> None:
        """In a forked child: the thread that held the lock may not exist there."""
        self._lock = threading.RLock()
