"""What an edit is: a change of a training as data, made in a live run or in the source.

One edit is one file, which holds the manual, both ways of making the change, and the cases that
are its tests. The two ways belong together, for the first only screens what the second writes:

- `apply` changes a run in this process before its first step. Modules are swapped at once, and what
  a call does is changed for as long as the context it returns is open.
- `rewrite` changes the text of the user's script and nothing else in it. It refuses unless the
  place is certain.

Both need torch's words, so this package may import torch, as rules may not; it knows no recorder
and no sandbox. Neither is imported by the commands that only report.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from torch import nn
from torch.optim import Optimizer

from lifesigns.records import Finding, Trace
from lifesigns.remedies._place import NOWHERE, Place, Places
from lifesigns.remedies._refusal import Refusal, Refused
from lifesigns.remedies._script import Change, Script

__all__ = ["NOWHERE", "Case", "Edit", "LiveRun", "Manual", "Place", "Places", "always"]


@dataclass
class LiveRun:
    """What a training consists of, before its first step."""

    model: nn.Module
    optimizer: Optimizer | None = None
    """The one that trains the model."""
    loader: Any = None
    """The `DataLoader` of the training, if it has one."""
    others: tuple[Optimizer, ...] = ()
    """Further optimizers."""

    def the_optimizer(self) -> Optimizer:
        """The optimizer.

        Raises:
            Refused: There is none.
        """
        if self.optimizer is None:
            raise Refused("no optimizer was found in the run")
        return self.optimizer


KEPT = 64
"""Scripts that stay parsed: many edits are looked for in the same few files."""


@lru_cache(KEPT)
def _read(source: str) -> Script:
    return Script(source)


@dataclass(frozen=True)
class Edit(ABC):
    """A change as data, made for one finding; equal edits are the same change."""

    name: ClassVar[str]
    """That of the manual and of the file, e.g. `swap-activation`."""

    def apply(self, run: LiveRun) -> AbstractContextManager[Any] | Refusal:
        """Makes the change in a live run before its first step; random numbers stay as they are.

        Args:
            run: Its model and optimizer are changed in place, for good.

        Returns:
            A context in which the run has to train, or why the change cannot be made so.
        """
        try:
            return self._applied(run)
        except Refused as reason:
            return Refusal(str(reason))

    def rewrite(
        self, source: str, places: Places = NOWHERE, ran: Sequence[frozenset[int]] = ()
    ) -> str | Refusal:
        """The source with the change written into it, or why that cannot be done safely.

        Whatever is not changed stays as it is, to the last blank; a source that has the change
        already is returned as it is.

        Args:
            source: The text of the script.
            places: Where sites stand, as far as the recorder saw it. Others are looked for.
            ran: Lines that ran, counted from 1; first those that ran in the last stage of the
                training. Of several places one of these is meant.
        """
        try:
            script = _read(source).seen(places, ran)
            return script.changed(self._changes(script, places))
        except Refused as reason:
            return Refusal(str(reason))

    @property
    def parts(self) -> tuple[Edit, ...]:
        """Itself, or what it is made of."""
        return (self,)

    def exceeds(self, other: Edit) -> bool:
        """Whether it is the same change, and more of it.

        Args:
            other: Any edit.
        """
        return False

    @abstractmethod
    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        """As `apply`, with `Refused` raised."""

    @abstractmethod
    def _changes(self, script: Script, places: Places) -> Iterable[Change]:
        """What to write where; nothing if it is there already."""


@dataclass(frozen=True)
class Case:
    """A script that trains, and what the edit makes of it (see `lifesigns.remedies.testing`).

    The rewritten script is compiled, run, diffed and rewritten a second time by the tests.
    """

    name: str
    edit: Edit
    before: str
    after: str | None
    """None where the edit has to refuse."""


@dataclass(frozen=True)
class Manual:
    """One edit's page; `remedies/` discovers every module-level `MANUAL` by itself."""

    name: str
    """What it does, as a command, e.g. `scale-rate`."""
    title: str
    changes: str
    """What it changes, and what it leaves alone."""
    unsafe: str
    """When it does harm, or changes what the program means."""
    references: tuple[str, ...]
    made_for: Callable[[Finding, Trace], Iterable[Edit]]
    """The edits of this kind that a finding asks for, most promising first."""
    cases: tuple[Case, ...] = ()


def always(*edits: Edit) -> Callable[[Finding, Trace], Iterable[Edit]]:
    """What a manual has as `made_for` where the run has no say in the edits.

    Args:
        edits: For whatever finding asks.
    """
    return lambda finding, trace: edits
