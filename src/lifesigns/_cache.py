"""Where what is worth keeping between runs is kept, and whether others could have put it there."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """The user's folder for what lifesigns can make again at any time; it may not exist.

    Source: the XDG Base Directory Specification: a `$XDG_CACHE_HOME` that is empty or relative is
        ignored.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named / "lifesigns"
    with contextlib.suppress(RuntimeError):
        if (home := Path.home()).is_dir():
            return home / ".cache" / "lifesigns"
    return Path(tempfile.gettempdir()) / "lifesigns-cache"  # no home, as in some containers


def make_private(folder: Path) -> None:
    """Makes a folder, or finds it, in which only this user (or root) can put or exchange files.

    Every folder and link on the way is looked at from the root downward: once nobody else can write
    to one, nobody else can exchange what was found in it, now or later.

    Args:
        folder: Missing parents are made as well, readable by the user only.

    Raises:
        PermissionError: Others can write to it, or to something on the way; or this system does not
            say who owns a file.
        OSError: It cannot be made.
    """
    if not hasattr(os, "geteuid"):
        raise PermissionError(f"this system does not say who can write to {folder}")
    for step in _way_to(folder.absolute()):
        step.mkdir(mode=0o700, exist_ok=True)
        if not is_ours(step.lstat(), may_be_sticky=True):
            raise PermissionError(f"{step} belongs to another user, or others can write to it")
    if not is_ours(folder.stat()):
        raise PermissionError(f"others can write to {folder}")


def is_ours(status: os.stat_result, *, may_be_sticky: bool = False) -> bool:
    """Whether only this user, or root, can change what has this status.

    Args:
        status: Of a file, a folder or a link itself.
        may_be_sticky: Also where others can put files, but not exchange ours, as in `/tmp`.
    """
    if status.st_uid not in (0, os.geteuid()):
        return False
    if stat.S_ISLNK(status.st_mode):  # its mode means nothing: who owns it decides
        return True
    sticky = stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)
    return (may_be_sticky and sticky) or not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _way_to(path: Path) -> Iterator[Path]:
    """All that is passed on the way to a path, links and what they lead to included."""
    for step in (*reversed(path.parents), path):
        yield step
        if step.is_symlink():
            yield from _way_to(step.parent / step.readlink())
