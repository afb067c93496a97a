"""match-shapes: the target shaped like the output before the loss compares them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import torch

from lifesigns.records import Finding, Trace
from lifesigns.remedies._difference import target_side
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Place, Places
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._sites import is_at
from lifesigns.remedies._training import KNOWN_LOSSES, loss_called, loss_calls
from lifesigns.remedies.testing import LOSS_LOOP, case

WORDS = ("add", "div", "maximum", "minimum", "mul", "multiply", "pow", "sub", "subtract")
ELEMENTWISE = frozenset(
    form.format(word)
    for word in (*WORDS, "divide", "true_divide", "truediv")
    for form in ("{}", "{}_", "r{}", "__{}__", "__r{}__", "__i{}__")
)
"""What meets elements of two tensors, as function, method and operator, in place and reversed."""


@dataclass(frozen=True)
class MatchShapes(Edit):
    """Targets of the shape `target` take that of the output, `[batch, *rest]`."""

    name: ClassVar[str] = "match-shapes"
    rest: tuple[int, ...]
    """Shape of the output without the batch."""
    target: tuple[int, ...]
    """Shape of the target without the batch."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in KNOWN_LOSSES and name not in ELEMENTWISE:
                return NotImplemented
            given = [*args, *(kwargs[k] for k in ("input", "target", "other") if k in kwargs)]
            if len(given) < 2 or not self._crosses(given[0], given[1]):
                return NotImplemented
            rest = {k: v for k, v in kwargs.items() if k not in ("input", "target", "other")}
            shaped = given[1].reshape(given[0].shape)
            return call_again(name, given[0], shaped, *given[2:], **rest)

        return Answering(answer)

    def _crosses(self, output: Any, target: Any) -> bool:
        """Whether two values of one size are of these two shapes."""
        if not (torch.is_tensor(output) and torch.is_tensor(target)):
            return False
        shapes = (_sample(output.shape), _sample(target.shape))
        same = output.numel() == target.numel() and output.shape != target.shape
        return same and shapes in ((self.rest, self.target), (self.target, self.rest))

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        seen = self._seen(script, places)
        if len({script.text(each) for each in seen}) > 1:
            one(seen, "target of another shape", script)
        for target in seen or [_target(script)]:
            text = script.text(target)
            if not text.endswith(self._method()):
                bare = isinstance(target, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
                yield script.replaced(target, (text if bare else f"({text})") + self._method())

    def _seen(self, script: Script, places: Places) -> list[cst.BaseExpression]:
        """What was seen to be of the target's shape where it met an output."""
        found: dict[cst.BaseExpression, None] = {}
        for name, place in places.items():
            shapes = (_sample(place.given), _sample(place.other))
            operation = re.split("[#@]", name.rpartition(":")[2])[0].strip("_")
            is_met = operation in KNOWN_LOSSES or operation in WORDS
            if is_met and set(shapes) == {self.rest, self.target} and self.rest != self.target:
                side = shapes.index(self.target)
                found |= dict.fromkeys(_operands(script, place, side))
        return list(found)

    def _method(self) -> str:
        if self.rest == (1,) and not self.target:
            return ".reshape(-1, 1)"
        if self.target == (1,) and not self.rest:
            return ".squeeze(1)"
        return f".reshape({', '.join(map(str, (-1, *self.rest)))})"


def _operands(script: Script, place: Place, side: int) -> list[cst.BaseExpression]:
    """The left or right operand, or the first or second argument, of what stands in a place."""
    operations = script.of_kind(cst.BinaryOperation)
    calls = [c for c in script.of_kind(cst.Call) if len(c.args) > 1]
    pairs: list[tuple[cst.CSTNode, tuple[cst.BaseExpression, cst.BaseExpression]]] = [
        *((each, (each.left, each.right)) for each in operations),
        *((each, (each.args[0].value, each.args[1].value)) for each in calls),
    ]
    return [both[side] for node, both in pairs if is_at(script, node, place)]


def _target(script: Script) -> cst.BaseExpression:
    """In the call of the loss, or in a difference that is squared by hand."""
    if not loss_calls(script, KNOWN_LOSSES):
        return target_side(script)
    call = loss_called(script, KNOWN_LOSSES)
    target = argument(call, "target", 1)
    if target is None or argument(call, "input", 0) is None:
        raise Refused("the loss is not called with an output and a target")
    return target.value


def made_for(finding: Finding, trace: Trace) -> Iterator[MatchShapes]:
    """The shapes of the first loss whose output and target are of one size, not of one shape."""
    for snapshot in trace.snapshots:
        for reading in (snapshot.loss, *(snapshot.loss.others if snapshot.loss else ())):
            if reading is None:
                continue
            crossing = reading.crossing
            given = crossing.given if crossing else reading.input_shape
            other = crossing.other if crossing else reading.target_shape
            if given and other and prod(given) == prod(other) and given != other:
                yield MatchShapes(tuple(given[1:]), _sample(other))
                return


def _sample(shape: Sequence[int]) -> tuple[int, ...]:
    """Without the batch, and without a one before it: a row, which a flat tensor broadcasts to."""
    is_row = len(shape) > 1 and shape[0] == 1
    return tuple(shape[2:] if is_row else shape[1:])


# --- cases ----------------------------------------------------------------------------------------
_NAMED = """
for step in range(20):
    out = model(x)
    error = out - {}
    loss = torch.mean(torch.square(error))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_COLUMN = MatchShapes((1,), ())


def _case(name: str, edit: MatchShapes, before: str, after: str) -> Any:
    """With a target that has lost its last dimension."""
    return case(name, edit, "loop", "y = y.flatten()" + before, "y = y.flatten()" + after)


MANUAL = Manual(
    name=MatchShapes.name,
    title="The target shaped like the output before the loss",
    changes="The shape of the target in the call of the loss, or in a difference that is squared; "
    "not one of its values.",
    unsafe="Where every output is compared with every target on purpose, as in a table of "
    "distances.",
    references=("PyTorch documentation, broadcasting semantics",),
    made_for=made_for,
    cases=(
        _case(
            "a flat target for a column of outputs",
            _COLUMN,
            LOSS_LOOP.format("F.l1_loss(model(x), y)"),
            LOSS_LOOP.format("F.l1_loss(model(x), y.reshape(-1, 1))"),
        ),
        _case(
            "a module, and a target that is computed there",
            _COLUMN,
            "\ncriterion = nn.HuberLoss()" + LOSS_LOOP.format("criterion(model(x), 2 * y)"),
            "\ncriterion = nn.HuberLoss()"
            + LOSS_LOOP.format("criterion(model(x), (2 * y).reshape(-1, 1))"),
        ),
        _case(
            "a difference that is squared by hand, from either side",
            _COLUMN,
            LOSS_LOOP.format("((y - model(x)) ** 2).mean()"),
            LOSS_LOOP.format("((y.reshape(-1, 1) - model(x)) ** 2).mean()"),
        ),
        _case(
            "a difference with a name",
            _COLUMN,
            _NAMED.format("2 * y"),
            _NAMED.format("(2 * y).reshape(-1, 1)"),
        ),
        case(
            "a row of targets",
            _COLUMN,
            "loop",
            LOSS_LOOP.format("((model(x) - y.view(1, -1)) ** 2).mean()"),
            LOSS_LOOP.format("((model(x) - y.view(1, -1).reshape(-1, 1)) ** 2).mean()"),
        ),
        case(
            "refused: two differences",
            _COLUMN,
            "loop",
            LOSS_LOOP.format(
                "((model(x) - y.flatten()) ** 2).mean() + (model(x) - 1).abs().mean()"
            ),
            None,
        ),
        case(
            "refused: a difference of two outputs",
            _COLUMN,
            "loop",
            LOSS_LOOP.format("((model(x) - model(-x).flatten()) ** 2).mean()"),
            None,
        ),
    ),
)
