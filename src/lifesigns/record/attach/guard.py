"""Keeps the recorder's own failures from reaching the user's run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lifesigns._errors import Meant, RecorderError
from lifesigns.record.readable import has_modes, without_modes

MOST_FAILURES = 16


def is_from_a_signal(error: BaseException) -> bool:
    """Whether a signal handler of the user raised: it may run at any moment, also in code of ours.

    Args:
        error: With its traceback.
    """
    frames = error.__traceback__
    while frames is not None:
        if _is_given_its_caller(frames.tb_frame):
            return True
        frames = frames.tb_next
    return False


def _is_given_its_caller(frame: FrameType) -> bool:
    """Whether a function has the frame below its own: a handler is given what it interrupts.

    Which handlers there are does not tell: one may have reset itself before it raised. Functions of
    ours are not asked: what `f_locals` shows lives on in the frame, the error that it handles too.
    """
    below = frame.f_back
    if below is None or str(frame.f_globals.get("__name__")).startswith("lifesigns."):
        return False
    given = [x for v in frame.f_locals.values() for x in (v if type(v) is tuple else (v,))]
    return any(value is below for value in given)


def described(error: Exception) -> str:
    """Kind and first line: an operation that torch lacks for a tensor is told in 300 lines."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(" :")


class Guard:
    """Runs parts of the recorder, one thread at a time.

    Args:
        strict: Raise failures instead of noting them.
        give_up: Called after a failure.
    """

    def __init__(self, strict: bool, give_up: Callable[[], None]) -> None:
        self.strict, self.give_up = strict, give_up
        self._lock = threading.RLock()
        self.failures: dict[str, None] = {}
        """What failed, each once."""

    def __call__(self, action: Callable[..., None], *arguments: Any) -> None:
        """Runs a part; its failure never reaches the user's run, unless in strict mode.

        Nor do its operations reach a mode of the user.
        """
        try:
            with self._lock:
                if not has_modes():
                    action(*arguments)
                    return
                with without_modes():
                    action(*arguments)
        except Exception as error:
            self.failed(error)

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """The lock is let go while a function of the user runs, which may wait for another thread.

        As `threading.Condition` does it, however often this thread has taken the lock.
        """
        if not self._lock._is_owned():  # type: ignore[attr-defined]
            yield
            return
        taken = self._lock._release_save()  # type: ignore[attr-defined]
        try:
            yield
        finally:
            self._lock._acquire_restore(taken)  # type: ignore[attr-defined]

    def failed(self, error: Exception) -> None:
        """Deals with a failure; called while it is handled.

        Args:
            error: What was raised. What is `Meant` for the training is no failure, and goes there.
        """
        if isinstance(error, Meant):
            context = error.error.__context__
            try:
                raise error.error
            finally:
                error.error.__context__ = context  # as it was meant, without what carried it here
        self.give_up()
        if is_from_a_signal(error):
            raise error
        if len(self.failures) < MOST_FAILURES:
            self.failures[described(error)] = None
        if self.strict:
            raise RecorderError(f"the recorder failed: {error}") from error

    def renew(self) -> None:
        """In a forked child: the thread that held the lock may not exist there."""
        self._lock = threading.RLock()
