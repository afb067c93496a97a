"""train-mode: a model that is in training mode while it trains."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import in_scope, innermost_loop
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class TrainMode(Edit):
    """Each pass that is trained on runs in training mode."""

    name: ClassVar[str] = "train-mode"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def train(model: nn.Module, *_given: Any) -> None:
            if torch.is_grad_enabled():
                model.train()

        return until_closed(run.model.register_forward_pre_hook(train))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        loop = innermost_loop(script)
        line = f"{in_scope(script, loop)}.train()"
        return script.lines_before(loop.body.body[0], line)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for epoch in range(5):
    for step in range(4):
{}        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(F.mse_loss(model(x), y))
"""
_COMPOUND = """
model.eval()
for step in range(20):
{}    if step % 5 == 0:
        print(step)
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_WHILE = """
step = 0
model.eval()
while step < 20:
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
"""
_FUNCTION = """
def train(model, optimizer):
    for step in range(5):
{}        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step, loss


step, loss = train(model, optimizer)
"""
MANUAL = Manual(
    name=TrainMode.name,
    title="Training mode in each step",
    changes="The mode of the model at the beginning of each step, so that dropout drops and batch "
    "normalisation learns its statistics. Evaluation sets its own mode as before.",
    unsafe="Where a part is kept in evaluation mode on purpose, as a frozen backbone with batch "
    "normalisation.",
    references=("Ioffe & Szegedy 2015, Batch Normalization, section 3.1",),
    made_for=always(TrainMode()),
    cases=(
        case(
            "after an evaluation in each epoch",
            TrainMode(),
            "loop",
            _LOOP.format(""),
            _LOOP.format("        model.train()\n"),
        ),
        case(
            "a loop that begins with a compound statement",
            TrainMode(),
            "loop",
            _COMPOUND.format(""),
            _COMPOUND.format("    model.train()\n"),
        ),
        case(
            "a function that is given the model",
            TrainMode(),
            "loop",
            _FUNCTION.format(""),
            _FUNCTION.format("        model.train()\n"),
        ),
        case("refused: no for loop", TrainMode(), "loop", _WHILE, None),
    ),
)
