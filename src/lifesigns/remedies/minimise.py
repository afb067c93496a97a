"""minimise: an optimizer that goes down, where it was told to go up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._training import optimizer_built
from lifesigns.remedies.testing import OPTIMIZER, case


@dataclass(frozen=True)
class Minimise(Edit):
    """`maximize=True` becomes `maximize=False`."""

    name: ClassVar[str] = "minimise"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        upward = [g for g in run.the_optimizer().param_groups if g.get("maximize")]
        if not upward:
            raise Refused("the optimizer minimises already")
        for group in upward:
            group["maximize"] = False
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        given = argument(optimizer_built(script), "maximize")
        if given is None:
            raise Refused("the optimizer is not told to maximise")
        if script.text(given.value) != "False":
            yield script.replaced(given.value, "False")


def made_for(finding: Finding, trace: Trace) -> Iterator[Minimise]:
    """One."""
    yield Minimise()


# --- cases ----------------------------------------------------------------------------------------
_UP = "optimizer = torch.optim.SGD(model.parameters(), {}lr=1e-3)"
MANUAL = Manual(
    name=Minimise.name,
    title="Go down along the gradient, not up",
    changes="The direction in which the optimizer steps.",
    unsafe="Where the value that is differentiated is a reward or a likelihood, which is to grow.",
    references=("PyTorch documentation, torch.optim: maximize",),
    made_for=made_for,
    cases=(
        case(
            "a keyword",
            Minimise(),
            "optimizer",
            _UP.format("maximize=True, "),
            _UP.format("maximize=False, "),
        ),
        case(
            "an expression",
            Minimise(),
            "optimizer",
            "up = True\n" + _UP.format("maximize=up, "),
            "up = True\n" + _UP.format("maximize=False, "),
        ),
        case("refused: it goes down already", Minimise(), "optimizer", OPTIMIZER, None),
    ),
)
