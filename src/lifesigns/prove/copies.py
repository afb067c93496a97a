"""Copies of trees: what a sandbox runs in where folders cannot be covered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lifesigns._errors import LifesignsError
from lifesigns.prove.changes import Changes
from lifesigns.prove.layers import PREFIX

MOST_OF_DISK = 0.5
"""Share of the free disk that copies may take."""


class CannotRun(LifesignsError):
    """The run cannot be repeated fairly; the message says why, and what to do."""


@dataclass(frozen=True)
class Copies:
    """Copies of some trees.

    Args:
        trees: None of them within another one.
        folder: Where the copies are put; named by number, for two trees may have one name.
    """

    trees: Sequence[Path]
    folder: Path

    def make(self) -> None:
        """Copies all trees; links stay links, and sandboxes in the trees are left out.

        Raises:
            CannotRun: There is too little room for them, or a file cannot be read.
        """
        self.folder.mkdir(parents=True)
        free = shutil.disk_usage(self.folder).free * MOST_OF_DISK
        for tree in self.trees:
            if size_of(tree, free) > free:
                raise CannotRun(
                    f"{tree} is too large for a copy in {self.folder}. Put the script into a "
                    "folder of its own, or run it where user namespaces are allowed."
                )
            try:
                shutil.copytree(tree, self.inside(tree), symlinks=True, ignore=_sandboxes)
            except (OSError, shutil.Error) as error:
                raise CannotRun(f"{tree} cannot be copied: {error}.") from error

    def inside(self, path: Path) -> Path:
        """Where a path is in the copies; one that lies in no tree stays.

        Args:
            path: Absolute.
        """
        for number, tree in enumerate(self.trees):
            if path.is_relative_to(tree):
                return self.folder / str(number) / path.relative_to(tree)
        return path

    def outside(self, changes: Changes) -> Changes:
        """The same changes under the names that the files have outside.

        Args:
            changes: Of files in the copies.
        """
        return Changes(*(tuple(map(self._origin, paths)) for paths in vars(changes).values()))

    def _origin(self, path: str) -> str:
        number, _, rest = path.removeprefix(f"{self.folder}/").partition("/")
        return str(self.trees[int(number)] / rest)


def size_of(tree: Path, enough: float = float("inf")) -> int:
    """Bytes of the files in a tree.

    Args:
        tree: Links in it are not followed.
        enough: Counting ends beyond that.
    """
    size = 0
    for here, _, files in os.walk(tree):
        for name in files:
            with suppress(OSError):
                size += Path(here, name).lstat().st_size
        if size > enough:
            break
    return size


def _sandboxes(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith(PREFIX)}
