"""What a run wrote, changed or deleted: found in the upper layers, or by comparing two looks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lifesigns.prove.layers import PREFIX

MOST_LOOKED_AT = 200_000
"""Files of a tree that are looked at; a larger tree is looked at in part, and that is said."""

Look = dict[str, tuple[int, ...]]
"""Path of each file, and what changes when somebody writes to it."""


@dataclass(frozen=True)
class Changes:
    """Absolute paths, sorted; folders end in a slash and are named only where they say more."""

    written: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.written or self.changed or self.deleted)

    @classmethod
    def of(cls, found: Iterable[tuple[str, str]]) -> Changes:
        """Sorts pairs of a field's name and a path.

        Args:
            found: In any order; a path may come twice.
        """
        names = {name: set[str]() for name in ("written", "changed", "deleted")}
        for name, path in found:
            names[name].add(path)
        return cls(**{name: tuple(sorted(paths)) for name, paths in names.items()})


def in_layer(layer: str, upper: int, lower: int) -> Iterator[tuple[str, str]]:
    """What an upper layer holds, compared with what lies below it.

    Args:
        layer: The folder that it covers.
        upper: Descriptor of the upper folder.
        lower: Descriptor of the covered folder, as it is outside.

    Yields:
        Pairs for `Changes.of`.
    """
    for folder, folders, files, descriptor in os.fwalk(".", dir_fd=upper):
        for name in (*folders, *files):
            inner = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118
            now = _status(name, descriptor)
            if now is not None:
                place = f"/proc/self/fd/{descriptor}/{name}"
                said = _said(now, _status(inner, lower), place)
                yield from ((word, os.path.join(layer, inner) + end) for word, end in said)  # noqa: PTH118


def _said(
    now: os.stat_result, before: os.stat_result | None, place: str
) -> Iterator[tuple[str, str]]:
    """Names of fields of `Changes`, with what is added to the path."""
    is_folder = stat.S_ISDIR(now.st_mode)
    if before is None:
        if not _is_whiteout(now) and not (is_folder and os.listdir(place)):  # noqa: PTH208
            yield "written", "/" * is_folder
    elif _is_whiteout(now) or (is_folder and _is_opaque(place)):
        yield "deleted", "/" * stat.S_ISDIR(before.st_mode)
    elif is_folder and stat.S_ISDIR(before.st_mode):
        if now.st_mode != before.st_mode:
            yield "changed", "/"
    elif _state(now) != _state(before):
        yield "changed", ""


def look(folders: Iterable[Path]) -> Look:
    """The state of all files in some folders; those of a sandbox in them are left out.

    Args:
        folders: They exist.
    """
    state: Look = {}
    for folder in folders:
        for here, inner, files in os.walk(folder):
            inner[:] = [name for name in inner if not name.startswith(PREFIX)]
            for name in files:
                path = os.path.join(here, name)  # noqa: PTH118
                status = _status(path)
                if status is not None:
                    state[path] = (*_state(status), status.st_ino)
            if len(state) >= MOST_LOOKED_AT:
                return state
    return state


def between(before: Look, after: Look) -> Changes:
    """What has changed from one look to the next.

    Args:
        before: The first look.
        after: At the same folders.
    """
    return Changes(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(p for p in before.keys() & after.keys() if before[p] != after[p])),
        tuple(sorted(before.keys() - after.keys())),
    )


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_uid, status.st_gid


def _status(path: str, folder: int | None = None) -> os.stat_result | None:
    try:
        return os.stat(path, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def _is_whiteout(status: os.stat_result) -> bool:
    """How an overlay notes that a file below it was deleted."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(path: str) -> bool:
    """Whether the overlay notes that a folder hides the one below it: deleted, and made anew."""
    try:
        return os.getxattr(path, "user.overlay.opaque") == b"y"
    except (OSError, AttributeError):
        return False
