"""turn-plateau: a schedule that waits for the lowest loss, or for the highest score."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, one
from lifesigns.remedies.testing import case

PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"
POSITION = 1
"""Of `mode` among the arguments."""


@dataclass(frozen=True)
class TurnPlateau(Edit):
    """`ReduceLROnPlateau` is given this mode."""

    name: ClassVar[str] = "turn-plateau"
    mode: str
    """`min` for a loss, `max` for a score."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("the schedule is built before the first step")

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = one(script.calls_to(PLATEAU), "ReduceLROnPlateau", script)
        return script.keyword(call, "mode", f'"{self.mode}"', POSITION)


def made_for(finding: Finding, trace: Trace) -> Iterator[TurnPlateau]:
    """The other mode than that of the run, where the rule says so."""
    if trace.plateau is not None and any(r.edit == TurnPlateau.name for r in finding.remedies):
        yield TurnPlateau("min" if trace.plateau.rises else "max")


# --- cases ----------------------------------------------------------------------------------------
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
_PLATEAU = "schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer{})\n"


def _case(name: str, mode: str, before: str, after: str | None) -> Any:
    known = None if after is None else _OPTIMIZER + after
    return case(name, TurnPlateau(mode), "optimizer", _OPTIMIZER + before, known)


MANUAL = Manual(
    name=TurnPlateau.name,
    title="A schedule that waits the right way",
    changes="Which way the number must go that `ReduceLROnPlateau` is given: down for a loss, up "
    "for a score.",
    unsafe="Where the schedule is given something else than the name of the number says.",
    references=("PyTorch documentation, torch.optim.lr_scheduler.ReduceLROnPlateau: mode",),
    made_for=made_for,
    cases=(
        _case("not told", "max", _PLATEAU.format(""), _PLATEAU.format(', mode="max"')),
        _case(
            "by position",
            "min",
            _PLATEAU.format(", 'max', 0.5"),
            _PLATEAU.format(', "min", 0.5'),
        ),
        _case("refused: no such schedule", "min", "", None),
    ),
)
