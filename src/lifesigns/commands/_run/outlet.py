"""A standard stream as it led when the program began, whatever a script does to it since."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TextIO


class Outlet:
    """Writes to a standard stream past Python's buffer, and only while it leads where it led.

    What a script does to `sys.stdout` and `sys.stderr` (closes, replaces, redirects them) is its
    own matter: nothing of ours may appear in a file of its own. And what cannot be written must not
    stay in a buffer that Python flushes at its end: that would change the exit code.

    Args:
        stream: `sys.stdout` or `sys.stderr`; None where the program has none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._descriptor: int | None = None
        with suppress(OSError, ValueError, AttributeError):
            self._descriptor = stream.fileno()  # type: ignore[union-attr]
            self._file = os.fstat(self._descriptor)

    def flush(self) -> None:
        """Sends off what the script printed, so that it comes before what is ours."""
        with suppress(Exception):  # its trouble is the script's own, and Python's at the end
            self._stream.flush()  # type: ignore[union-attr]

    def write(self, show: Callable[[IO[str]], object]) -> None:
        """Calls `show` with a stream to print to, if there is one.

        Args:
            show: Called at most once; not at all where the stream was closed, or leads elsewhere by
                now.

        Raises:
            OSError: The stream is full or nobody reads it.
        """
        if self._stream is None:
            return
        if self._descriptor is None:  # not a stream of the system: a notebook's, a test's
            show(self._stream)
        elif self._is_unchanged(self._descriptor):
            with _opened(self._stream, self._descriptor) as file:
                show(file)

    def _is_unchanged(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self._file, os.fstat(descriptor))
        except OSError:
            return False


def _opened(stream: TextIO, descriptor: int) -> TextIO:
    form, errors = stream.encoding, stream.errors
    return open(descriptor, "w", closefd=False, encoding=form, errors=errors)
