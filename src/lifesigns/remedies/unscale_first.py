"""unscale-first: gradients that are clipped once a scaler's factor is out of them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, one
from lifesigns.remedies._training import receiver, scope_of
from lifesigns.remedies.testing import case

CLIPS = tuple(
    f"torch.nn.utils.{home}{name}"
    for home in ("", "clip_grad.")
    for name in ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm")
)


@dataclass(frozen=True)
class UnscaleFirst(Edit):
    """`scaler.unscale_(optimizer)` comes before the gradients are clipped."""

    name: ClassVar[str] = "unscale-first"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("where gradients are clipped is written in the source only")

    def _changes(self, script: Script, places: Places) -> list[Change]:
        clip = one(script.calls_to(*CLIPS), "call that clips the gradient", script)
        scalers = {receiver(script, call) for call in script.method_calls("update")}
        steps = [call for call in script.method_calls("step") if receiver(script, call) in scalers]
        step = one(steps, "step of a gradient scaler", script)
        if len(step.args) != 1 or step.args[0].star:
            raise Refused("the scaler is not told its optimizer alone")
        if scope_of(script, clip) is not scope_of(script, step):
            raise Refused("gradients are clipped in another function than the scaler steps in")
        if script.span(clip)[0] > script.span(step)[0]:
            raise Refused("gradients are clipped behind the step of the scaler")
        optimizer = script.text(step.args[0].value)
        return script.lines_before(clip, f"{receiver(script, step)}.unscale_({optimizer})")


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
scaler = torch.amp.GradScaler("cpu")
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
{}    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
"""
_TRAINER = """
class Trainer:
    def __init__(self):
        self.opt = torch.optim.Adam(model.parameters())
        self.scaler = torch.amp.GradScaler("cpu")

    def fit(self):
        for step in range(20):
            loss = F.mse_loss(model(x), y)
            self.opt.zero_grad()
            self.scaler.scale(loss).backward()
            if step > 5:
{}                nn.utils.clip_grad_value_(model.parameters(), 0.5)
            self.scaler.step(self.opt)
            self.scaler.update()
        return step, loss


step, loss = Trainer().fit()
"""
_PLAIN = """
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
"""
MANUAL = Manual(
    name=UnscaleFirst.name,
    title="Gradients unscaled before they are clipped",
    changes="When a gradient scaler takes its factor out of the gradients: before they are "
    "clipped, not in its step.",
    unsafe="Where gradients of several batches are added up before one step: they may be "
    "unscaled once for each step only.",
    references=("PyTorch documentation, Automatic Mixed Precision examples: gradient clipping",),
    made_for=always(UnscaleFirst()),
    cases=(
        case(
            "by the norm",
            UnscaleFirst(),
            "loop",
            _LOOP.format(""),
            _LOOP.format("    scaler.unscale_(optimizer)\n"),
        ),
        case(
            "by the value, in a trainer",
            UnscaleFirst(),
            "loop",
            _TRAINER.format(""),
            _TRAINER.format("                self.scaler.unscale_(self.opt)\n"),
            optimizer="",
        ),
        case("refused: no scaler", UnscaleFirst(), "loop", _PLAIN, None),
    ),
)
