"""Which folders get an upper layer, so that whatever a script writes stays in the sandbox.

An overlay shows a folder at its own place; what is written goes to an upper folder elsewhere. It
cannot cover a folder in which something is mounted, nor one that holds its own upper folder. So
layers lie as high in the tree as these allow; the few folders above them are read-only.

Whoever writes below a folder for the first time has it copied to the upper layer, with its owner.
Only root can copy a folder of somebody else, so for other users layers begin below such folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PREFIX = "lifesigns-rerun-"
"""How the names of sandboxes' folders begin."""
MOUNTS = Path("/proc/self/mountinfo")
SYSTEM = ("/dev", "/proc", "/sys")
"""Trees that the kernel makes up. They get no layer."""
DEPTH = 3
"""How many folders that are not writable may lie above one that is, counted from its mount."""
MOST = 200
"""Layers at most; folders beyond them are read-only."""


@dataclass(frozen=True)
class Mount:
    """One line of the table of mounts."""

    path: str
    options: tuple[str, ...]
    kind: str = ""
    """Of the file system, e.g. `overlay`."""

    @property
    def is_system(self) -> bool:
        """Whether it belongs to what the kernel makes up."""
        return any(is_within(self.path, root) for root in SYSTEM)

    @property
    def takes_layers(self) -> bool:
        """Whether a script could write there without a sandbox, to a disk or to memory."""
        return not self.is_system and "ro" not in self.options and os.path.isdir(self.path)  # noqa: PTH112


def mounts(table: str) -> list[Mount]:
    r"""The mounts of this process, in the order in which they were made.

    Args:
        table: The text of `/proc/self/mountinfo`.

    Example:
        >>> mounts("22 1 8:1 / /my\\040disk rw,nosuid - ext4 /dev/sda1 rw")
        [Mount(path='/my disk', options=('rw', 'nosuid'), kind='ext4')]
    """
    rows = [line.split() for line in table.splitlines()]
    return [Mount(_unescaped(row[4]), tuple(row[5].split(",")), _kind(row)) for row in rows]


def _kind(row: list[str]) -> str:
    """It stands behind the dash that ends the optional fields."""
    return row[row.index("-") + 1]


def layers(table: Iterable[Mount], sandbox: str, places: Iterable[str]) -> list[str]:
    """The folders that get a layer; one lies within another only where it has to.

    Args:
        table: Of this process.
        sandbox: The sandbox's folder.
        places: Where scripts mostly write; those that can be are covered at whatever depth.

    Returns:
        Real paths, the higher ones first.
    """
    table = list(table)
    mounted = {mount.path for mount in table}
    search = _Search({*mounted, sandbox})
    roots = sorted({mount.path for mount in table if mount.takes_layers})
    found = [layer for root in roots for layer in search.below(root)][:MOST]
    for place in places:
        if search.is_free(place) and not any(_is_reached(place, layer) for layer in found):
            found.append(place)
    return sorted(set(found), key=lambda path: (path.count("/"), path))


@dataclass(frozen=True)
class _Search:
    """Looks for the highest folders that may be covered."""

    obstacles: set[str]

    def below(self, folder: str, left: int = DEPTH) -> Iterator[str]:
        writable = os.access(folder, os.W_OK)
        if writable and self.is_free(folder):
            yield folder
            for child in _folders(folder) if left else ():
                if not _is_mine(child):
                    yield from self.below(child, left - 1)
        elif writable or left or self._holds_obstacle(folder):
            for child in _folders(folder):
                if child not in self.obstacles:
                    yield from self.below(child, left if writable else max(left - 1, 0))

    def is_free(self, folder: str) -> bool:
        return os.access(folder, os.W_OK) and not self._holds_obstacle(folder)

    def _holds_obstacle(self, folder: str) -> bool:
        return any(path != folder and is_within(path, folder) for path in self.obstacles)


def _is_reached(place: str, layer: str) -> bool:
    """Whether a layer allows to write in a folder below it."""
    if not is_within(place, layer):
        return False
    between = [Path(place), *Path(place).parents][: place.count("/") - layer.count("/")]
    return all(_is_mine(str(folder)) for folder in between)


def _is_mine(folder: str) -> bool:
    try:
        return os.geteuid() in (0, os.lstat(folder).st_uid)
    except OSError:
        return False


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies in it; both are absolute.

    Args:
        path: Links are not followed.
        folder: Likewise.
    """
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _folders(folder: str) -> list[str]:
    """Those of other sandboxes are left out: they are gone when those end."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [entry.path for entry in found if not entry.name.startswith(PREFIX)]


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
