"""eval-mode: a model that is in evaluation mode where it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import paired
from lifesigns.remedies._training import (
    backward_called,
    callers,
    innermost_loop,
    model_name,
    optimizer_built,
    outermost_loop,
    scope_of,
)
from lifesigns.remedies.testing import case

WITHOUT = ("no_grad", "inference_mode", "set_grad_enabled(False)")
"""How gradients are switched off."""
Block = cst.With | cst.FunctionDef


@dataclass(frozen=True)
class EvalMode(Edit):
    """A pass without gradients runs in evaluation mode, one that is trained on does not."""

    name: ClassVar[str] = "eval-mode"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def set_mode(model: nn.Module, *_given: Any) -> None:
            model.train(torch.is_grad_enabled())

        return until_closed(run.model.register_forward_pre_hook(set_mode))

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        blocks = {block: called for block in _blocks(script) if (called := _called(script, block))}
        if not blocks:
            raise Refused("no pass of the model without gradients was found in the source")
        for block, model in blocks.items():
            yield from _begun(script, block, f"{model}.eval()")
        if any(_is_followed(script, block) for block in blocks):
            yield from _trained_again(script, list(blocks))


def _blocks(script: Script) -> list[Block]:
    """What runs without gradients: blocks, and functions that are decorated so."""
    marked: list[tuple[Block, Sequence[cst.CSTNode]]] = [
        *((block, block.items) for block in script.of_kind(cst.With)),
        *((each, each.decorators) for each in script.of_kind(cst.FunctionDef)),
    ]
    found = [block for block, marks in marked if any(_switches_off(script, m) for m in marks)]
    return [block for block in found if not any(n in found for n in script.around(block))]


def _switches_off(script: Script, mark: cst.CSTNode) -> bool:
    return any(name in script.text(mark) for name in WITHOUT)


def _called(script: Script, block: Block | cst.For) -> str:
    """What the model is called in a block that uses it; empty if it does not."""
    scope = block if isinstance(block, cst.FunctionDef) else scope_of(script, block)
    names = _names(script, scope)
    calls = script.of_kind(cst.Call, block.body)
    used = [n for call in calls for n in (call.func, *(arg.value for arg in call.args))]
    return next((text for node in used if (text := script.text(node)) in names), "")


def _names(script: Script, scope: cst.CSTNode) -> set[str]:
    """What the model that is optimized may be called in a function, or outside of all."""
    name, built = model_name(script), scope_of(script, optimizer_built(script))
    known = {name, *(given for own, given in _handed(script, built) if own == name)}
    pairs = (
        pair
        for each in script.of_kind(cst.Assign)
        for target in each.targets
        for pair in paired(target.target, each.value)
    )
    known |= {script.text(left) for left, right in pairs if script.text(right) in known}
    return known | {own for own, given in _handed(script, scope) if given in known}


def _handed(script: Script, function: cst.CSTNode) -> Iterator[tuple[str, str]]:
    """The parameters of a function, and what its calls hand over by position."""
    if isinstance(function, cst.FunctionDef):
        names = [each.name.value for each in function.params.params]
        for call in callers(script, function):
            yield from zip(names, (script.text(arg.value) for arg in call.args), strict=False)


def _begun(script: Script, block: Block, line: str) -> list[Change]:
    """A line where a block begins, unless a line before it says so already."""
    if isinstance(block, cst.FunctionDef):
        statements = list(block.body.body)[int(block.get_docstring() is not None) :]
        return script.lines_before(one(statements[:1], "statement"), line)
    beside = list(getattr(next(script.around(block)), "body", (block,)))
    above = [script.text(each) for each in beside[: beside.index(block)]]
    return [] if line in above else script.lines_before(block, line)


def _is_followed(script: Script, block: Block) -> bool:
    """Whether a step of the training may follow: not behind its loop, outside of all functions."""
    loop = outermost_loop(script)
    is_outside = scope_of(script, block) is scope_of(script, loop) is script.tree
    is_outside &= isinstance(block, cst.With)
    return not (is_outside and script.span(block)[0] > script.span(loop)[1])


def _trained_again(script: Script, blocks: Sequence[Block]) -> list[Change]:
    """Training mode where each step begins, unless it is set in a loop around all steps."""
    loop, backward = innermost_loop(script), backward_called(script)
    functions = [each for block in blocks for each in (block, scope_of(script, block))]
    calls = [c for f in functions if isinstance(f, cst.FunctionDef) for c in callers(script, f)]
    within = [each for each in (*blocks, *calls) if loop in script.around(each)]
    is_known = scope_of(script, backward) is scope_of(script, loop)
    if any(not is_known or script.line(each) < script.line(backward) for each in within):
        raise Refused("a pass without gradients comes before the backward pass in the same step")
    if not within and script.method_calls("train", outermost_loop(script)):
        return []
    if not (model := _called(script, loop)):
        raise Refused("what the model is called in the loop cannot be told")
    return script.lines_before(loop.body.body[0], f"{model}.train()")


# --- cases ----------------------------------------------------------------------------------------
_BEHIND = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

{}with torch.no_grad():
    error = F.mse_loss(model(x), y)
"""
_BETWEEN = """
@torch.no_grad()
def error(net, x):
    "Of a network."
{}    return F.mse_loss(net(x), y)


for step in range(20):
{}    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(error(model, x))
"""
_CLASS = """
class Trainer:
    def __init__(self, net):
        self.net, self.rounds = net, 4
        self.opt = torch.optim.SGD(net.parameters(), lr=0.1)

    def fit(self):
        for epoch in range(self.rounds):
            self.net.train()
            for step in range(5):
                loss = F.mse_loss(self.net(x), y)
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
            self.test()
        return step, loss

    def test(self):
{}        with torch.inference_mode():
            return F.mse_loss(self.net(x), y)


step, loss = Trainer(model).fit()
"""
_PSEUDO = """
for step in range(20):
    with torch.no_grad():
        near = model(x)
    loss = F.mse_loss(model(x), y) + F.mse_loss(model(x + 0.1), near)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
MANUAL = Manual(
    name=EvalMode.name,
    title="Evaluation mode where a model is evaluated",
    changes="The mode of the model in passes without gradients, so that all units take part and "
    "batch normalisation uses its running statistics. Passes that are trained on run in training "
    "mode.",
    unsafe="Where dropout is left on to average over many passes, or a part of the model is kept "
    "in evaluation mode while the rest is trained.",
    references=("PyTorch documentation, Module.eval",),
    made_for=always(EvalMode()),
    cases=(
        case(
            "behind the training",
            EvalMode(),
            "loop",
            _BEHIND.format(""),
            _BEHIND.format("model.eval()\n"),
        ),
        case(
            "a function with a decorator, in each step",
            EvalMode(),
            "loop",
            _BETWEEN.format("", ""),
            _BETWEEN.format("    net.eval()\n", "    model.train()\n"),
        ),
        case(
            "a method of a trainer",
            EvalMode(),
            "loop",
            _CLASS.format(""),
            _CLASS.format("        self.net.eval()\n"),
            optimizer="",
        ),
        case("refused: pseudo-labels of the same step", EvalMode(), "loop", _PSEUDO, None),
    ),
)
