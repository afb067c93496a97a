"""take-steps: an optimizer that steps after each backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import (
    backward_called,
    optimizer_built,
    optimizer_name,
    scope_of,
)
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class TakeSteps(Edit):
    """`optimizer.step()` follows each backward pass."""

    name: ClassVar[str] = "take-steps"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("where a step belongs is written in the source only")

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = backward_called(script)
        if scope_of(script, call) is not scope_of(script, optimizer_built(script)):
            raise Refused("the optimizer is built in another function than the one that trains")
        return script.lines_after(call, f"{optimizer_name(script)}.step()")


def made_for(finding: Finding, trace: Trace) -> Iterator[TakeSteps]:
    """One."""
    yield TakeSteps()


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
for step in range(20):
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
{}    schedule.step()
"""
_FUNCTION = """
def train_step():
    loss = F.mse_loss(model(x), y)
    loss.backward()
    return loss


for step in range(20):
    loss = train_step()
"""
MANUAL = Manual(
    name=TakeSteps.name,
    title="A step of the optimizer after each backward pass",
    changes="When the optimizer steps: behind each backward pass, before what follows it.",
    unsafe="Where gradients of several batches are added up on purpose before one step, or a "
    "scaler makes the step.",
    references=("PyTorch documentation, torch.optim, Taking an optimization step",),
    made_for=made_for,
    cases=(
        case(
            "a schedule that steps instead",
            TakeSteps(),
            "loop",
            _LOOP.format(""),
            _LOOP.format("    optimizer.step()\n"),
        ),
        case(
            "nothing behind it",
            TakeSteps(),
            "loop",
            _LOOP.format("").replace("    schedule.step()\n", ""),
            _LOOP.format("    optimizer.step()\n").replace("    schedule.step()\n", ""),
        ),
        case("refused: the optimizer is built elsewhere", TakeSteps(), "loop", _FUNCTION, None),
    ),
)
