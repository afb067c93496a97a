"""zero-grad: gradients that are cleared before each backward pass."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import backward_called, receiver, scope_of, step_called
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class ZeroGrad(Edit):
    """No step sees the gradient of the step before."""

    name: ClassVar[str] = "zero-grad"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def clear(optimizer: Any, *_given: Any) -> None:
            optimizer.zero_grad()

        return until_closed(run.the_optimizer().register_step_post_hook(clear))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call, step = backward_called(script), step_called(script)
        if scope_of(script, call) is not scope_of(script, step):
            raise Refused("backward and step are called in different functions")
        return script.lines_before(call, f"{receiver(script, step)}.zero_grad()")


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
{}    loss.backward()  # adds up
    optimizer.step()
"""
_SHORT = """
def train_step(net, optimizer):
    loss = F.mse_loss(net(x), y)
{}    loss.backward()
    optimizer.step()
    return loss


for step in range(20):
    loss = train_step(model, optimizer)
"""
MANUAL = Manual(
    name=ZeroGrad.name,
    title="Gradients cleared before each backward pass",
    changes="The gradients that the optimizer steps along: those of one backward pass.",
    unsafe="Where gradients of several batches are added up on purpose before one step.",
    references=("PyTorch documentation, Zeroing out gradients in PyTorch",),
    made_for=always(ZeroGrad()),
    cases=(
        case(
            "in the loop",
            ZeroGrad(),
            "loop",
            _LOOP.format(""),
            _LOOP.format("    optimizer.zero_grad()\n"),
        ),
        case(
            "in a function that is given the optimizer",
            ZeroGrad(),
            "loop",
            _SHORT.format(""),
            _SHORT.format("    optimizer.zero_grad()\n"),
        ),
        case(
            "refused: two backward passes",
            ZeroGrad(),
            "loop",
            _LOOP.format("    loss.backward(retain_graph=True)\n"),
            None,
        ),
    ),
)
