"""Whether somebody is writing a run file: a run that was killed cannot say so itself."""

from __future__ import annotations

import os
import struct
import sys
from dataclasses import replace
from pathlib import Path

from lifesigns.records import Trace

LOG = b"\2\2"
"""Bytes 18 and 19 of a file with a write-ahead log, whose writer holds a lock all the time.

Source: https://www.sqlite.org/fileformat2.html, "File format version numbers".
"""
SHARED = 0x40000002, 510
"""First byte and number of those that a connection to a file with a log has locked.

Source: `SHARED_FIRST` and `SHARED_SIZE` in SQLite's os.h.
"""
MEMORY = 128, 1
"""The same in the memory that the connections share, the file ending in `-shm`.

Source: `UNIX_SHM_DMS` in SQLite's os_unix.c.
"""
FLOCK = "hhqqi4x"
"""`struct flock` of Linux: type, whence, start, length, process."""
KILLED = "ended by a kill"
"""Outcome of a run whose file was left behind."""


def as_left(trace: Trace, path: Path) -> Trace:
    """The same trace; one that is not written any more and never said it had ended was killed.

    Args:
        trace: As it was read.
        path: Where from; as for `is_abandoned`.
    """
    if trace.info.outcome != "running" or not is_abandoned(path):
        return trace
    return replace(trace, info=replace(trace.info, outcome=KILLED))


def is_abandoned(path: Path) -> bool:
    """Whether a run file was left behind, as by a kill: it has a log, and nobody is connected.

    Only Linux is asked; elsewhere, and of a file with a rollback journal, which is locked for the
    moment of a write only, it cannot be told. Then the answer is no.

    Args:
        path: A run file that this process has no connection to: closing a file lets go of all
            locks that a process has on it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        with path.open("rb") as file:
            file.seek(18)
            if file.read(2) != LOG or _is_locked(file.fileno(), SHARED):
                return False
        with path.with_name(f"{path.name}-shm").open("rb") as memory:
            return not _is_locked(memory.fileno(), MEMORY)
    except FileNotFoundError:  # the one that writes has just left
        return False
    except OSError:
        return False


def _is_locked(descriptor: int, place: tuple[int, int]) -> bool:
    """Whether another process holds a lock there; nothing is locked to find out."""
    import fcntl

    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *place, 0)
    kind: int = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK
