"""Where a run file may be put, and which journal its file system can carry."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns._outputs import STDOUT, regular_file
from lifesigns.store.schema import is_run_file

LOCAL = frozenset(
    {
        "apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "ntfs",
        "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "ufs", "xfs", "zfs",
    }
)  # fmt: skip
"""File systems on which processes share memory-mapped pages, which a write-ahead log needs.

Source: https://www.sqlite.org/wal.html, "WAL does not work over a network filesystem".
"""


def make_way(path: Path) -> Path:
    """See that a new run file can take the place of `path`, and return where that is.

    An older run file there is left as a single file without a journal beside it, which is what
    another file can be renamed over: a journal that stayed would be played into the new one.

    Args:
        path: Links are followed; the file need not exist, its folder must.

    Raises:
        UsageError: The path is no place for a run file; nothing was touched.
    """
    if path == STDOUT:
        raise UsageError("A run file cannot be written to standard output. Give a file's name.")
    real = regular_file(path)
    if real.exists() and real.stat().st_size and not _is_replaceable(real):
        raise UsageError(
            f"{path} exists and is not a run file of lifesigns, so it is not overwritten. "
            "Move it away, or give another name."
        )
    for suffix in ("-wal", "-shm", "-journal"):
        real.with_name(real.name + suffix).unlink(missing_ok=True)
    return real


def _is_replaceable(path: Path) -> bool:
    """Whether `path` is a run file that nobody writes to, or one whose making was interrupted."""
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            if not is_run_file(connection):  # reading it plays an interrupted beginning back
                return path.stat().st_size == 0
            # Leaving WAL needs the file for oneself; a finished run has left it already.
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise UsageError(
                f"The run file {path} is in use ({error}): another training may be writing it. "
                "Give another name."
            ) from error
        except sqlite3.DatabaseError:
            return False
    return True


def choose_journal(connection: sqlite3.Connection, path: Path) -> str:
    """Switch to the fastest journal that is safe at `path` and return its name.

    A write-ahead log (`wal`) on local disks: a reader and the writer never wait for each other, and
    a commit does not wait for the disk. Elsewhere, or where SQLite cannot have one: a rollback
    journal (`truncate`).

    Args:
        connection: To the file at `path`, with no transaction open.
        path: Its folder's file system decides.

    Returns:
        `wal`, `truncate`, or `delete` where SQLite took neither.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
    for mode in ("wal", "truncate") if is_local(path.parent) else ("truncate",):
        try:
            chosen = str(connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
        except sqlite3.OperationalError:
            continue
        if chosen == mode:
            return chosen
    return "delete"


def is_local(folder: Path) -> bool:
    """Whether `folder` is on a disk of this machine; where the system does not say, yes.

    Args:
        folder: It exists.
    """
    if str(folder.absolute()).startswith(("\\\\", "//")):
        return False
    system = file_system(folder)
    return not system or system in LOCAL


def file_system(folder: Path) -> str:
    """Type of the file system `folder` is on, as Linux names it; empty if not known.

    Args:
        folder: It exists.

    Returns:
        As in `/proc/self/mountinfo`, such as `ext4`; systems without that file give the empty text.
    """
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}" if hasattr(os, "major") else ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        if before.split()[2] == number:
            return after.split()[0]
    return ""
