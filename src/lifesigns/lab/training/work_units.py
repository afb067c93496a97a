"""Work units: a few members of one structure on one split, trained together, kept under a key.

Its key is a digest of all that decides its numbers, so a work unit that was done once is never done
again: interrupted designs resume, and a worker that dies loses its own work unit only.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

import lifesigns
from lifesigns._errors import UsageError
from lifesigns.lab.engines.c import arithmetic
from lifesigns.lab.engines.torch.examining import MEASURES
from lifesigns.lab.training.members import Member
from lifesigns.lab.training.population import History, train_population
from lifesigns.nets.data import Split, load


@dataclass(frozen=True)
class Source:
    """Where a split comes from, as plain values a worker process can load it from."""

    data: str
    target: str | None = None
    seed: int = 0
    validation: bool = False
    """Hold out a part of the *training* samples instead: for tuning."""

    def load(self) -> Split:
        """The split; see `nets.data.load` for the errors."""
        split = load(self.data, target=self.target, seed=self.seed)
        return split.validation(self.seed) if self.validation else split

    @property
    def version(self) -> tuple[int, int] | None:
        """Changes with the user's file; None for data by name."""
        file = Path(self.data)
        if not file.is_file():
            return None
        return file.stat().st_size, file.stat().st_mtime_ns


@dataclass(frozen=True)
class Given:
    """A split that is at hand: for this process only."""

    split: Split
    validation: bool = False

    def load(self) -> Split:
        """The split."""
        return self.split.validation() if self.validation else self.split

    @property
    def version(self) -> None:
        """None: histories of what is only in this process are not kept."""


@dataclass(frozen=True)
class WorkUnit:
    """Members of one structure to be trained for a number of steps."""

    members: tuple[Member, ...]
    source: Source | Given
    steps: int

    @cached_property
    def key(self) -> str:
        """Digest of everything the result depends on, the versions of the programs included."""
        programs = (lifesigns.__version__, torch.__version__, np.__version__, arithmetic())
        text = repr((self.members, self.source, self.source.version, self.steps, programs))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def size(self) -> int:
        """Member-steps."""
        return len(self.members) * self.steps

    def train(self, progress: Callable[[int], object] | None = None) -> History:
        """Trains the members in this process.

        Args:
            progress: Called with the number of member-steps done since the last call.
        """
        data = self.source.load().for_loss(self.members[0].recipe.loss)
        return train_population(self.members, data, self.steps, progress=progress)


def work_units_of(
    members: Sequence[Member], source: Source | Given, steps: int, chunk: int
) -> list[WorkUnit]:
    """Work units of at most `chunk` members each; all members must share one structure.

    Args:
        members: Of one structure.
        source: What they are trained on.
        steps: How many steps each is trained.
        chunk: Most members of a work unit.
    """
    return [
        WorkUnit(tuple(members[start : start + chunk]), source, steps)
        for start in range(0, len(members), chunk)
    ]


class Shelf:
    """A folder with the histories of the work units that are done, one NPZ file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, work_unit: WorkUnit) -> History | None:
        """The history of a work unit; None if it is not there, or damaged.

        Args:
            work_unit: Its key names the file.
        """
        try:
            with self._path(work_unit).open("rb") as handle, np.load(handle) as file:
                measures = {k[8:]: file[k] for k in file.files if k.startswith("measure_")}
                history = History(file["losses"], file["steps"], measures, file["diverged"])
        except Exception:  # whatever zipfile, zlib and NumPy raise for damage: it is trained again
            return None
        return history if _is_of(work_unit, history) else None

    def put(self, work_unit: WorkUnit, history: History) -> None:
        """Keeps a history; the file appears at once or not at all.

        Args:
            work_unit: What was trained.
            history: What came of it.

        Raises:
            UsageError: It cannot be written.
        """
        measures = {f"measure_{name}": values for name, values in history.measures.items()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                np.savez(
                    file,
                    losses=history.losses,
                    steps=history.steps,
                    diverged=history.diverged,
                    **measures,  # type: ignore[arg-type]
                )
            Path(name).replace(self._path(work_unit))
        except OSError as error:
            raise UsageError(
                f"Results cannot be kept in {self.folder}: {error.strerror or error}. "
                "What is there stays; the same command goes on from it."
            ) from error

    def _path(self, work_unit: WorkUnit) -> Path:
        return self.folder / f"{work_unit.key}.npz"


def _is_of(work_unit: WorkUnit, history: History) -> bool:
    """Whether a history has the shapes of this work unit's."""
    members, moments = len(work_unit.members), len(history.steps)
    measured = [history.measures[name].shape for name in MEASURES if name in history.measures]
    return (
        history.losses.shape == (work_unit.steps, members)
        and history.diverged.shape == (members,)
        and measured == [(moments, members)] * len(MEASURES)
    )
