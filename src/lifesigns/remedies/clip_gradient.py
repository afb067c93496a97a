"""clip-gradient: a gradient that is cut to a bounded length before each step."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import in_scope, step_called
from lifesigns.remedies.testing import LOOP, case

LONGEST = 1.0
"""Of the whole gradient, the usual choice: Pascanu, Mikolov & Bengio 2013 call it uncritical."""


@dataclass(frozen=True)
class ClipGradient(Edit):
    """The norm of the gradient is at most `longest`."""

    name: ClassVar[str] = "clip-gradient"
    longest: float = LONGEST

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def clip(optimizer: Any, *_given: Any) -> None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.longest)

        return until_closed(run.the_optimizer().register_step_pre_hook(clip))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = step_called(script)
        clip = script.spelled("torch.nn.utils.clip_grad_norm_")
        line = f"{clip}({in_scope(script, call)}.parameters(), {self.longest})"
        return script.lines_before(call, line)


# --- cases ----------------------------------------------------------------------------------------
_STEP = "    optimizer.step()\n"
_SCALED = """
scaler = torch.amp.GradScaler("cpu", enabled=False)
for step in range(20):
    loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
"""
_FUNCTION = """
def fit(steps):
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(steps):
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
{}        optimizer.step()
    return step, loss


step, loss = fit(20)
"""
MANUAL = Manual(
    name=ClipGradient.name,
    title="A gradient of bounded length",
    changes="The gradients of all parameters together, right before each step: their norm is at "
    "most 1.",
    unsafe="Where gradients are long by right, as with a summed loss: the clipped step is then a "
    "lower rate in disguise. It treats the symptom of an explosion, not its cause.",
    references=("Pascanu, Mikolov & Bengio 2013, On the difficulty of training RNNs, section 3.2",),
    made_for=always(ClipGradient()),
    cases=(
        case(
            "in the loop",
            ClipGradient(),
            "loop",
            LOOP,
            LOOP.replace(_STEP, "    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n" + _STEP),
        ),
        case(
            "in a function",
            ClipGradient(0.5),
            "loop",
            _FUNCTION.format(""),
            _FUNCTION.format("        nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n"),
            optimizer="",
        ),
        case("refused: scaled gradients", ClipGradient(), "loop", _SCALED, None),
    ),
)
