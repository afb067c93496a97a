"""raise-eps: an eps of the optimizer that half precision can hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import optimizer_built
from lifesigns.remedies.testing import case

EPS = 1e-4
"""float16 holds it in full precision: its smallest such number is 6.1e-5."""
POSITION = {"Adam": 3, "AdamW": 3, "RMSprop": 3, "NAdam": 3, "RAdam": 3, "Adamax": 3, "Adagrad": 5}
"""Of `eps` among the arguments of the optimizers that add it to a root."""


@dataclass(frozen=True)
class RaiseEps(Edit):
    """What the optimizer adds before it divides is 1e-4."""

    name: ClassVar[str] = "raise-eps"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        groups = [group for group in run.the_optimizer().param_groups if "eps" in group]
        if not groups:
            raise Refused("the optimizer has no eps")
        for group in groups:
            group["eps"] = max(group["eps"], EPS)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = optimizer_built(script)
        if (kind := script.name(call).rpartition(".")[2]) not in POSITION:
            raise Refused(f"{kind} has no eps that it adds to a root")
        return script.keyword(call, "eps", "1e-4", POSITION[kind])


def made_for(finding: Finding, trace: Trace) -> Iterator[RaiseEps]:
    """One, where an eps is 0 in the type of the parameters."""
    if trace.rounded_eps:
        yield RaiseEps()


# --- cases ----------------------------------------------------------------------------------------
def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, RaiseEps(), "optimizer", before, after, frame="optimizer = torch.optim.{}\n")


MANUAL = Manual(
    name=RaiseEps.name,
    title="An eps that half precision can hold",
    changes="The eps of the optimizer, which is 1e-4: a number of its own in float16, where 1e-8 "
    "is 0.",
    unsafe="Where gradients are much smaller than 1e-4: then steps are, too. Weights in float32 "
    "need none of this.",
    references=("PyTorch documentation, torch.optim.Adam: eps",),
    made_for=made_for,
    cases=(
        _case(
            "the default",
            "AdamW(model.parameters(), lr=0.01)",
            "AdamW(model.parameters(), lr=0.01, eps=1e-4)",
        ),
        _case(
            "one that is given",
            "Adam(model.parameters(), 0.01, (0.9, 0.99), 1e-8)",
            "Adam(model.parameters(), 0.01, (0.9, 0.99), 1e-4)",
        ),
        _case("refused: no eps", "SGD(model.parameters(), lr=0.1)", None),
    ),
)
