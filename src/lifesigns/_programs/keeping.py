"""Keeps compiled programs between runs, and finds none but those that this user has put there.

What is loaded is run, so the folder must be private, see `make_private`: nobody else can then
exchange a file between the look at it and its loading. The end of a program's name is the digest of
its content, which tells a file that was cut off or damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from lifesigns._cache import is_ours

CHARACTERS = 16
"""Of a digest in hexadecimal that are enough to tell programs apart."""


def kept(folder: Path, name: str) -> Path | None:
    """The program of this name in a private folder; what has the name and is none is removed.

    Args:
        folder: Nobody else may write to it.
        name: Of the program; the file's name adds a digest of what is in it.
    """
    for path in sorted(folder.glob(f"{name}.*.so")):
        if _is_whole(path):
            return path
        with contextlib.suppress(OSError):
            path.unlink()
    return None


def keep(made: Path, folder: Path, name: str) -> Path:
    """Moves a program into a private folder, where it appears at once or not at all.

    Args:
        made: The file as the compiler left it, in the same file system.
        folder: Nobody else may write to it.
        name: Of the program; the file's name adds a digest of what is in it.
    """
    made.chmod(0o700)  # whatever the umask: a file that others can write to is not loaded
    path = folder / f"{name}.{digest(made.read_bytes())}.so"
    return made.replace(path)


def digest(content: bytes) -> str:
    """The first characters of the SHA-256 of something.

    Args:
        content: Of any length.

    Returns:
        `CHARACTERS` hexadecimal digits.
    """
    return hashlib.sha256(content).hexdigest()[:CHARACTERS]


def _is_whole(path: Path) -> bool:
    """Whether it is a file, no link, of this user's with the content that its name tells."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            ours = stat.S_ISREG(status.st_mode) and is_ours(status)
            return ours and path.suffixes == [f".{digest(file.read())}", ".so"]
    except OSError:
        return False
