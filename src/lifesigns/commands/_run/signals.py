"""SIGTERM and SIGHUP, as containers and clusters send them: report, then die by that signal.

Python runs a handler in the main thread, between two of its own instructions: a signal that comes
while that thread waits inside one long operation of torch is answered when that returns. One that
comes in the middle of recording is sent again a moment later, because the recorder and the run
file are half-way then.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import lifesigns

SIGNALS = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
AGAIN = 0.01
"""Seconds after which a signal that came at a bad moment is sent again."""
PATIENCE = 500
"""How often; then it is answered even so."""

_PACKAGE = str(Path(lifesigns.__file__).parent) + os.sep
RECORDING = tuple(f"{_PACKAGE}{room}{os.sep}" for room in ("record", "store", "_watching"))
"""Where code lies that must not be interrupted by a report."""
PASSED_THROUGH = (
    f"{RECORDING[0]}attach{os.sep}backward.py",
    f"{RECORDING[0]}compiled{os.sep}calls.py",
)
"""Lie there too, but the script's backward passes and compiled code run inside them."""

Act = Callable[[int, FrameType | None], None]


class _Handler(int):
    """A handler that Python shows to the script as SIG_DFL, which it would see unwatched.

    `signal.getsignal` and `signal.signal` turn an installed number into the name it stands for, and
    SIG_DFL is 0; below them, a handler is whatever can be called.
    """

    act: Act

    def __new__(cls, act: Act) -> _Handler:
        self = super().__new__(cls, signal.SIG_DFL)
        self.act = act
        return self

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.act(number, frame)


class Farewell:
    """Between `install` and `remove`, a signal that would end this process is reported first.

    Signals that are ignored (`nohup`) or have a handler stay as they are. So do forked children.

    Args:
        report: Called with the signal's name.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._handler = _Handler(self._act)
        self._process = os.getpid()
        self._postponed = 0

    def install(self) -> None:
        """Takes over the signals whose action is the default."""
        if threading.current_thread() is not threading.main_thread():
            return  # Python allows it there only
        _installed.add(self)
        for number in SIGNALS:
            if _signal.getsignal(number) == signal.SIG_DFL:
                _signal.signal(number, self._handler)

    def remove(self) -> None:
        """Gives back those signals that the script has not taken over."""
        _installed.discard(self)
        for number in SIGNALS:
            if _signal.getsignal(number) is self._handler:
                signal.signal(number, signal.SIG_DFL)

    def _act(self, number: int, frame: FrameType | None) -> None:
        mine = os.getpid() == self._process
        if mine and _is_recording(frame) and self._postponed < PATIENCE:
            self._postponed += 1
            again = threading.Timer(AGAIN, os.kill, (self._process, number))
            again.daemon = True
            again.start()
            return
        self.remove()  # a second signal ends the process at once
        if mine:
            self._report(signal.Signals(number).name)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


class PutOff:
    """Within the block, a signal that would end this process waits until the block is over.

    A launcher ends all processes as soon as one has failed, also those that just report on it.
    """

    def __init__(self) -> None:
        self._come: list[int] = []
        self._taken: list[int] = []

    @property
    def has_come(self) -> bool:
        """Whether one is waiting."""
        return bool(self._come)

    def __enter__(self) -> PutOff:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, lambda number, _: self._come.append(number))
                    self._taken.append(number)
        return self

    def __exit__(self, *raised: object) -> None:
        for number in self._taken:
            signal.signal(number, signal.SIG_DFL)
        for number in self._come[:1]:
            os.kill(os.getpid(), number)


def _is_recording(frame: FrameType | None) -> bool:
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(RECORDING) and file not in PASSED_THROUGH:
            return True
        frame = frame.f_back
    return False


_installed: weakref.WeakSet[Farewell] = weakref.WeakSet()
_thread = threading.local()


def _hold() -> None:
    """Holds signals back while a process forks: a new child would lose one that it cannot answer.

    Python forgets in a child which handlers are due there, so that a worker which is terminated
    as soon as it is started would live on.
    """
    held = SIGNALS if len(_installed) else ()
    _thread.mask = signal.pthread_sigmask(signal.SIG_BLOCK, held)


def _let_go() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.mask)


def _leave_children() -> None:
    """What a forked child (a worker) does when it is told to end is not ours."""
    for farewell in tuple(_installed):
        with suppress(ValueError):  # forked by a thread, where Python does not allow it
            farewell.remove()
    _let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_leave_children)
