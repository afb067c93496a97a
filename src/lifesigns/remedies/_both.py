"""Two edits as one change: what one of them leaves wrong is for the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Places
from lifesigns.remedies._refusal import Refusal, Refused
from lifesigns.remedies._script import Change, Script


@dataclass(frozen=True)
class Both(Edit):
    """One edit and another one, each of which finds its place in the program as it is."""

    name: ClassVar[str] = "both"
    first: Edit
    other: Edit

    @property
    def parts(self) -> tuple[Edit, ...]:
        """Those of both."""
        return (*self.first.parts, *self.other.parts)

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        with ExitStack() as opened:
            for edit in (self.first, self.other):
                made = edit.apply(run)
                if isinstance(made, Refusal):
                    raise Refused(made.reason)
                opened.enter_context(made)
            return opened.pop_all()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        for edit in (self.first, self.other):
            yield from edit._changes(script, places)
