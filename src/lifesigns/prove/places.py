"""Where a project lies, where scripts write beside it, and where a sandbox's folder can be."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lifesigns._cache import cache_folder
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.prove.layers import is_within

MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
"""Something of these names lies in the topmost folder of a project."""
PATIENCE = 5.0
"""Seconds to wait for the last files of processes that were just ended."""


def project(script: Path | None, folder: Path) -> Path:
    """The topmost folder of the project that a script belongs to.

    Args:
        script: None for a module, which is looked for in the working directory.
        folder: The working directory.

    Returns:
        The nearest folder at or above the script's own with a mark of a project, but neither a
        home, nor a folder that everybody uses; without one, the script's own.
    """
    own = folder if script is None else script.resolve().parent
    everybodys = {*common(), Path(own.anchor)}
    for candidate in (own, *own.parents):
        if candidate in everybodys:
            break
        if any((candidate / mark).exists() for mark in MARKS):
            return candidate
    return own


def common() -> list[Path]:
    """Where scripts write beside their project: the home, and folders for temporary files."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    named = (home, Path("/tmp"), Path(tempfile.gettempdir()))
    return [place.resolve() for place in named if place.is_dir()]


def parent_for(places: Iterable[Path]) -> Path:
    """Where a sandbox's folder is made: beside the places where scripts write.

    A layer cannot cover what holds its own upper folder. `/var/tmp` is meant for large files, while
    `/tmp` may be memory.

    Args:
        places: Real paths, which layers are to cover.
    """
    named = (Path("/var/tmp"), Path(tempfile.gettempdir()), cache_folder())
    usable = [path.resolve() for path in named if path.is_dir() and os.access(path, os.W_OK)]
    taken = [str(place) for place in places]
    beside = [path for path in usable if not any(is_within(str(path), one) for one in taken)]
    return (beside or usable or [Path.cwd()])[0]


def new_folder(path: Path) -> Path:
    """Makes a folder that was not there, or was empty.

    Args:
        path: Missing parents are made, too.

    Raises:
        UsageError: There is something already, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UsageError(f"{path} exists already. Give a new folder.")
    except OSError as error:
        raise UsageError(f"{path} is no place for a folder: {error.strerror}.") from error
    return path.resolve()


def outermost(folders: Iterable[Path]) -> list[Path]:
    """Those of some folders that lie in no other one of them.

    Args:
        folders: Real paths.
    """
    found: list[Path] = []
    for folder in sorted(set(folders), key=lambda path: (len(path.parts), path)):
        if not any(folder.is_relative_to(other) for other in found):
            found.append(folder)
    return found


def remove(folder: Path) -> None:
    """Removes a sandbox's folder; overlays leave folders in it that nobody may enter.

    Args:
        folder: It may be gone already.

    Raises:
        LifesignsError: Something in it resists.
    """
    end = time.monotonic() + PATIENCE
    while folder.exists():
        if time.monotonic() > end:
            raise LifesignsError(f"{folder} could not be removed; remove it by hand.")
        for here, inner, _ in os.walk(folder):
            for name in inner:
                with suppress(OSError):
                    _open_up(Path(here, name))
        shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    if not folder.is_symlink():
        folder.chmod(stat.S_IRWXU)
