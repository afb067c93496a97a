"""warm-up: a learning rate that rises over the first steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import rates_scaled
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import optimizer_built, optimizer_name, scope_of, step_called
from lifesigns.remedies.testing import LOOP, case

FROM = 0.01
"""Share of the rate in the first step."""
SHARE = 10
"""The rate rises over a tenth of the steps, at most over `MOST` of them."""
MOST = 100


@dataclass(frozen=True)
class WarmUp(Edit):
    """The rate rises in a line from a hundredth to its value over `steps` steps."""

    name: ClassVar[str] = "warm-up"
    steps: int = MOST

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return rates_scaled(run.the_optimizer(), self._factor)

    def _factor(self, step: int) -> float:
        """As `LinearLR` has it."""
        return FROM + (1 - FROM) * min(step, self.steps) / self.steps

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call, step, name = optimizer_built(script), step_called(script), optimizer_name(script)
        rises = script.spelled("torch.optim.lr_scheduler.LinearLR")
        built = f"warm_up = {rises}({name}, {FROM}, total_iters={self.steps})"
        if scope_of(script, call) is scope_of(script, step):
            return script.lines_after(call, built) + script.lines_after(step, "warm_up.step()")
        hook = f"{name}.register_step_post_hook(lambda *_: warm_up.step())"
        return script.lines_after(call, built, hook)


def made_for(finding: Finding, trace: Trace) -> Iterator[WarmUp]:
    """One, over a part of the run."""
    yield WarmUp(min(MOST, max(1, trace.steps // SHARE)) if trace.steps else MOST)


# --- cases ----------------------------------------------------------------------------------------
_BEFORE = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
_RISE = "warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=5)\n"
_IN_FUNCTION = """
def train(model, optimizer):
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{}for step in range(20):
    loss = train(model, optimizer)
"""
_HOOK = "optimizer.register_step_post_hook(lambda *_: warm_up.step())\n"
_SCALED = """
scaler = torch.amp.GradScaler("cpu", enabled=False)
for step in range(20):
    loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
"""
MANUAL = Manual(
    name=WarmUp.name,
    title="A learning rate that rises over the first steps",
    changes="The learning rate of the first steps, from a hundredth of its value upwards.",
    unsafe="Where another schedule sets the rate in closed form: the two then disagree. It only "
    "helps if the beginning is what does the harm.",
    references=("Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.2",),
    made_for=made_for,
    cases=(
        case(
            "a loop at the top",
            WarmUp(5),
            "optimizer",
            _BEFORE + LOOP,
            _BEFORE + _RISE + LOOP + "    warm_up.step()\n",
            loop="",
        ),
        case(
            "a comment behind the step",
            WarmUp(5),
            "optimizer",
            _BEFORE + LOOP.rstrip() + "  # moves\nprint(loss)\n",
            _BEFORE + _RISE + LOOP.rstrip() + "  # moves\n    warm_up.step()\nprint(loss)\n",
            loop="",
        ),
        case(
            "a step in another function",
            WarmUp(5),
            "loop",
            _IN_FUNCTION.format(""),
            _IN_FUNCTION.format(_RISE + _HOOK),
            optimizer="",
        ),
        case("refused: a scaler steps", WarmUp(), "loop", _SCALED, None),
    ),
)
