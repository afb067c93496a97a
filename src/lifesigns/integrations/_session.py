"""What all callbacks share: one watched training after another, between the events of a trainer."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from lifesigns._errors import LifesignsError, UsageError
from lifesigns._ranks import placed, rank_here
from lifesigns.locale.spoken import said_in, shown_in, spoken
from lifesigns.records import Finding
from lifesigns.report import Report
from lifesigns.watch import Watcher, outcome_of, watch

if TYPE_CHECKING:
    from typing_extensions import Self


class Session:
    """A callback's own part of every integration; a trainer's events call `_begin` and `_end`.

    A trainer that does not tell of exceptions leaves the end to a `with` block around the training;
    without one, it comes with the next training or at exit, and a callback that is collected
    detaches without a report.

    Args:
        show: Print the report to standard error when training ends.
        html: Where to write the report as a page when training ends.
        **watching: As for `lifesigns.watch`: `every`, `budget`, `save`, `ignore`, `log_to`, …
    """

    def __init__(
        self, *, show: bool = True, html: str | Path | None = None, **watching: Any
    ) -> None:
        super().__init__()
        self._show, self._html, self._watching = show, html, watching
        self._watcher: Watcher | None = None
        self._at_exit: Callable[[], None] | None = None
        """Ends the training that goes on, should Python exit; None where none does."""

    @property
    def watcher(self) -> Watcher:
        """The watcher of the training that goes on, or of the last one.

        Raises:
            UsageError: There was none yet.
        """
        if self._watcher is None:
            raise UsageError(
                "Nothing was trained yet: the training with this callback comes first."
            )
        return self._watcher

    @property
    def report(self) -> Report:
        """The report on the training that goes on, or on the last one.

        Raises:
            UsageError: There was none yet.
        """
        return self.watcher.report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules conclude, most probable cause first."""
        return self.report.findings

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the page; nothing special before training."""
        return None if self._watcher is None else self.report._repr_html_()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(error)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_watcher": None, "_at_exit": None}

    def _begin(self, model: Any = None, optimizers: Iterable[Any] = ()) -> None:
        """Watches from here on; a training before that had no end has one now.

        Args:
            model: What is trained; found by itself if it is no module of torch.
            optimizers: Those known; what is no optimizer of torch is found when it steps.
        """
        self._finish("interrupted")
        network = model if isinstance(model, nn.Module) else None
        known = [o for o in optimizers if isinstance(o, Optimizer)]
        self._watcher = watch(network, known or None, **self._watching)
        self._at_exit = partial(_exits, weakref.ref(self), os.getpid())
        atexit.register(self._at_exit)

    def _end(self, error: BaseException | None = None) -> None:
        """Detaches and reports; only the first call after `_begin` does anything.

        Args:
            error: What ended the training; None where it came to its end.
        """
        self._finish(outcome_of(error))

    def _finish(self, outcome: str) -> None:
        if self._at_exit is None:
            return
        atexit.unregister(self._at_exit)
        self._at_exit = None
        report, rank = self.watcher.detach(outcome), rank_here()
        if self._show and (rank is None or rank.number == 0):
            report.print()
        if self._html is not None:
            try:
                report.write_html(placed(Path(self._html), rank))
            except LifesignsError as error:  # training is over, and its result not ours to lose
                why = said_in(shown_in(spoken())[0], str(error), "errors")
                print(f"lifesigns: {why}", file=sys.stderr)


def _exits(session: weakref.ref[Session], process: int) -> None:
    """Python exits while a training goes on; in a process that was forked, nothing ends."""
    if (alive := session()) is not None and os.getpid() == process:
        alive._finish(outcome_of(getattr(sys, "last_value", None)))
