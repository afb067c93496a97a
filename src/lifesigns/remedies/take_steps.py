"""take-steps: an optimizer that steps after each backward pass."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import (
    USUAL_NAMES,
    backward_called,
    optimizer_built,
    optimizer_name,
    receiver,
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
        if often := _every_so_often(script):
            return [script.replaced(each, "1") for each in often]
        if late := _behind_the_batches(script, call):
            return _moved(script, one(late, "step behind the loop", script), call)
        name = optimizer_name(script)
        built = scope_of(script, optimizer_built(script))
        same = scope_of(script, call) is built or built is script.tree
        if not same and not _is_shared(script, call, name):
            raise Refused("the optimizer is built in another function than the one that trains")
        return script.lines_after(call, f"{name}.step()")


def _every_so_often(script: Script) -> list[cst.BaseExpression]:
    """What the number of batches is divided by, where a rest of 0 makes the optimizer step."""
    conditions = [
        each.test
        for each in script.of_kind(cst.If)
        if any(receiver(script, c) == optimizer_name(script) for c in _steps(script, each.body))
    ]
    operations = [n for test in conditions for n in script.of_kind(cst.BinaryOperation, test)]
    return [n.right for n in operations if isinstance(n.operator, cst.Modulo)][:1]


def _behind_the_batches(script: Script, call: cst.Call) -> list[cst.Call]:
    """Steps that stand, in the same function, behind the loop of the backward pass."""
    loop, scope = script.within(call, cst.For), scope_of(script, call)
    if loop is None or scope_of(script, loop) is not scope:
        return []
    end = script.span(loop)[1]
    around = [each for each in script.around(loop) if isinstance(each, cst.For)]
    found = [c for c in _steps(script, scope) if script.span(c)[0] >= end]
    named = [c for c in found if _is_of_optimizer(script, c)]
    return [c for c in named if not around or around[0] in script.around(c)]


def _is_of_optimizer(script: Script, call: cst.Call) -> bool:
    name = receiver(script, call)
    return name == optimizer_name(script) or name.rpartition(".")[2] in USUAL_NAMES


def _moved(script: Script, step: cst.Call, backward: cst.Call) -> list[Change]:
    """The step behind the backward pass; gradients are cleared there too if they are not yet."""
    name, loop = receiver(script, step), script.within(backward, cst.For)
    clears = [f"{name}.zero_grad()"] if not script.method_calls("zero_grad", loop) else []
    return [
        script.line_dropped(step),
        *script.lines_after(backward, f"{name}.step()", *clears),
    ]


def _steps(script: Script, block: cst.CSTNode) -> list[cst.Call]:
    return script.method_calls("step", block)


def _is_shared(script: Script, call: cst.Call, name: str) -> bool:
    """Whether it has this name where the backward pass is: `self.…`, or one handed over."""
    scope = scope_of(script, call)
    owner = script.within(call, cst.ClassDef)
    if name.startswith("self.") and owner is not None:
        return script.within(optimizer_built(script), cst.ClassDef) is owner
    given = scope.params.params if isinstance(scope, cst.FunctionDef) else ()
    return name in [parameter.name.value for parameter in given]


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
for step in range(20):
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
{}    schedule.step()
"""
_TRAINER = """
class Trainer:
    def __init__(self):
        self.opt = torch.optim.Adam(model.parameters())

    def fit(self):
        for step in range(20):
            loss = F.mse_loss(model(x), y)
            self.opt.zero_grad()
            loss.backward()
{}        return step, loss


step, loss = Trainer().fit()
"""
_SOMETIMES = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
    loss.backward()
    if (step + 1) % {} == 0:
        optimizer.step()
        optimizer.zero_grad()
"""
_EPOCHS = """
def fit(model, x, y):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(5):
        {0}for step in range(4):
            {1}loss = F.mse_loss(model(x), y)
            loss.backward()
{2}{3}        print(loss.item())
    return step, loss


step, loss = fit(model, x, y)
"""
_STEP, _LATE = "            optimizer.step()\n", "        optimizer.step()\n"
_CLEAR = "            optimizer.zero_grad()\n"
_BEFORE, _WITHIN = "optimizer.zero_grad()\n        ", "optimizer.zero_grad()\n            "
_FUNCTION = """
def train_step():
    loss = F.mse_loss(model(x), y)
    loss.backward()
    return loss


def built():
    optimizer = torch.optim.Adam(model.parameters())
    return optimizer


for step in range(20):
    loss = train_step()
"""
MANUAL = Manual(
    name=TakeSteps.name,
    title="A step of the optimizer after each backward pass",
    changes="When the optimizer steps: behind each backward pass, before what follows it. Where it "
    "steps after so many batches, and there are fewer, that number becomes 1. A step behind the "
    "loop over the batches moves into it.",
    unsafe="Where gradients of several batches are added up on purpose before one step, or a "
    "scaler makes the step.",
    references=("PyTorch documentation, torch.optim, Taking an optimization step",),
    made_for=always(TakeSteps()),
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
        case(
            "the optimizer of a trainer",
            TakeSteps(),
            "loop",
            _TRAINER.format(""),
            _TRAINER.format("            self.opt.step()\n"),
            optimizer="",
        ),
        case(
            "more batches than there are",
            TakeSteps(),
            "loop",
            _SOMETIMES.format("64"),
            _SOMETIMES.format("1"),
        ),
        case(
            "a step for each epoch, of the last batch",
            TakeSteps(),
            "loop",
            _EPOCHS.format("", _WITHIN, "", _LATE),
            _EPOCHS.format("", _WITHIN, _STEP, ""),
            optimizer="",
        ),
        case(
            "a step for each epoch, of all batches",
            TakeSteps(),
            "loop",
            _EPOCHS.format(_BEFORE, "", "", _LATE),
            _EPOCHS.format(_BEFORE, "", _STEP + _CLEAR, ""),
            optimizer="",
        ),
        case(
            "refused: the optimizer is built elsewhere",
            TakeSteps(),
            "loop",
            _FUNCTION,
            None,
            optimizer="",
        ),
    ),
)
