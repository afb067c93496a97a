"""The standard streams of a command: there, and flushed or let go of at its end."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import NoReturn, TextIO

UNWRITABLE = (errno.EBADF, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPIPE, errno.EDQUOT)
"""What a standard stream says when it cannot be written to."""


def provide() -> None:
    """Where a standard stream was closed before Python began, what is printed goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115


def fail(message: str, code: int) -> NoReturn:
    """Ends the process with one line on standard error, if that takes one.

    Args:
        message: One line without the name of the program.
        code: The exit code.
    """
    with suppress(OSError, ValueError):
        print(f"lifesigns: {message}", file=sys.stderr, flush=True)
    let_go()
    sys.exit(code)


def let_go() -> None:
    """What the standard streams cannot take is dropped, or Python would trip over it at its end."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        _flush_or_drop(stream)


def _flush_or_drop(stream: TextIO) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), stream.fileno())


def send_off() -> None:
    """Writes what is left of the output while a failure still has somebody to catch it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # such as `lifesigns rules | head`
        let_go()
