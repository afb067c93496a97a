"""How far a long command is: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from lifesigns.locale.spoken import CHINESE, said, spoken
from lifesigns.report.charset import encodable
from lifesigns.report.terminal import console_for

EVERY = 5.0
"""Seconds between two lines."""
FEW = 90.0
"""Seconds that are said as such; more are said in minutes."""


class Progress:
    """Shows what is done of how much, on standard error, until the block ends.

    Args:
        command: Whose progress it is.
        file: Where to; standard error by default.
        every: Seconds between two lines.
        is_drawn: Whether there is a bar on a terminal; without one nothing is said there.
        clock: Seconds, of any beginning.

    Example:
        >>> with Progress("claims") as progress:
        ...     progress.at("born-dead", 3, 26)
    """

    def __init__(
        self,
        command: str,
        file: IO[str] | None = None,
        *,
        every: float = EVERY,
        is_drawn: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._clock, self._every = command, clock, every
        self._is_drawn = is_drawn
        self._file = sys.stderr if file is None else file
        self._begin, self._what, self._share = clock(), "", 0.0
        self._end = threading.Event()
        self._has_terminal = _is_terminal(self._file)
        self._bar = _bar(self._file) if is_drawn else None
        self._task = None if self._bar is None else self._bar.add_task("", total=1.0)
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        elif self._file is not None and not (self._has_terminal and not self._is_drawn):
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._bar is not None:
            self._bar.stop()
        elif self._thread.is_alive():
            self._thread.join()

    def at(self, what: str, done: float, whole: float) -> None:
        """What is being done, and how much of all has been done.

        Args:
            what: A name or a few words, English.
            done: In any unit.
            whole: In the same unit.
        """
        self._what, self._share = what, min(done / whole, 1.0) if whole else 0.0
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=said(what, "progress"), completed=self._share)

    def say(self, text: str) -> None:
        """A line of its own, above the bar where there is one.

        Args:
            text: English, without the name of the program.
        """
        line = f"lifesigns: {said(text, 'progress')}"
        if self._bar is not None:
            self._bar.console.print(line, markup=False)
        else:
            self._write(line)

    def line(self) -> str:
        """How far it is now, as a line for a log."""
        seconds = self._clock() - self._begin
        share = f"{100 * self._share:.0f} %" if self._share else ""
        parts = [self._what, share, spell_passed(seconds)]
        if 0.02 < self._share < 1:
            parts.append(f"about {spell(seconds * (1 / self._share - 1))} left")
        joint = "，" if spoken() == CHINESE else ", "
        words = joint.join(said(part, "progress") for part in parts if part)
        return f"lifesigns {self._command}: {words}"

    def _beat(self) -> None:
        while not self._end.wait(self._every):
            self._write(self.line())

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        with suppress(OSError, ValueError):  # somebody else closed it: nobody reads this any more
            print(encodable(line, encoding), file=self._file, flush=True)


def _is_terminal(file: IO[str] | None) -> bool:
    with suppress(ValueError):  # it is closed
        return file is not None and file.isatty()
    return False


def spell(seconds: float) -> str:
    """A duration as people say it, in the language of this process.

    Args:
        seconds: At least 0.

    Example:
        >>> spell(4.2), spell(80), spell(600)
        ('4 s', '80 s', '10 min')
    """
    text = f"{seconds:.0f} s" if seconds < FEW else f"{seconds / 60:.0f} min"
    return said(text, "progress")


def spell_passed(seconds: float) -> str:
    """A duration that grows from line to line, so that no two lines are alike.

    Args:
        seconds: At least 0.

    Example:
        >>> spell_passed(80), spell_passed(605)
        ('80 s', '10 min 5 s')
    """
    minutes, rest = divmod(int(seconds), 60)
    return spell(seconds) if seconds < FEW else said(f"{minutes} min {rest} s", "progress")


def _bar(file: IO[str] | None) -> Bar | None:
    """A bar, where there is a terminal to draw it on."""
    if file is None:
        return None
    console = console_for(file)
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn(said("left", "progress")),
        TimeRemainingColumn(),
    )
    return Bar(*columns, console=console, transient=True)
