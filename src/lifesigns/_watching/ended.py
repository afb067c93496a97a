"""What a copy of a watcher knows: the run as it was when it was copied."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from lifesigns.records import Trace
from lifesigns.report import Report
from lifesigns.rules import Selection

PICKLED = "what was recorded is not part of a pickled watcher; the one it was made of has it"


class EndedRun:
    """A run that nobody watches here; the original goes on being watched where it is.

    Args:
        trace: Everything recorded until then.
        selection: Which rules are asked.
    """

    def __init__(self, trace: Trace, selection: Selection) -> None:
        self.trace, self.selection = trace, selection

    @cached_property
    def report(self) -> Report:
        """The report on what is there."""
        return Report.of(self.trace, self.selection)

    def end(self, outcome: str) -> Report:
        """The same report: there is nothing to end.

        Args:
            outcome: Passed over.
        """
        return self.report

    def without_records(self) -> EndedRun:
        """The same in a few bytes, for a pickle: it may be part of each checkpoint of a network."""
        bare = Trace(steps=self.trace.steps, info=self.trace.info, unseen=(PICKLED,))
        return EndedRun(replace(bare, optimizers=self.trace.optimizers), self.selection)
