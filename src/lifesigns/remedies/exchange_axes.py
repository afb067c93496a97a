"""exchange-axes: axes of each sample are exchanged where a view tore them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import is_at
from lifesigns.remedies._training import scope_of, trained
from lifesigns.remedies.samples_first import VIEWS, resolved
from lifesigns.remedies.testing import case

FEWEST = 3
"""Axes: the samples, and two that can be exchanged."""
LAYOUTS = {1: (0, 3, 1, 2), 2: (0, 2, 3, 1)}
"""By the axis of the rows, before that of the columns: how images get the other layout."""


@dataclass(frozen=True)
class ExchangeAxes(Edit):
    """A view that gives the sizes of each sample in another order permutes the axes."""

    name: ClassVar[str] = "exchange-axes"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in VIEWS or kwargs or not torch.is_tensor(args[0]):
                return NotImplemented
            order = _order(args[0].shape, resolved(args[1:], args[0].numel()))
            return args[0].permute(order) if order else NotImplemented

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        views = [call for name in VIEWS for call in trained(script, script.method_calls(name))]
        known = {call: order for call in views if (order := _exchanged(script, call, places))}
        call = one(list(known), "view that exchanges axes", script)
        axes = ", ".join(map(str, known[call]))
        start, end = script.span(call)
        if script.name(call) == "torch.reshape":
            given = script.text(call.args[0].value)
            yield Change(start, end, f"{script.spelled('torch.permute')}({given}, ({axes}))")
        elif isinstance(call.func, cst.Attribute):
            yield Change(script.span(call.func.attr)[0], end, f"permute({axes})")


# --- which axes -----------------------------------------------------------------------------------
def _order(given: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """The order of the axes; empty where the sizes leave it open, or are those that were given.

    Of a square image, only what moves its channels to the other side is certain.

    Example:
        >>> _order((8, 64, 6), (8, 6, 64)), _order((8, 5, 5, 3), (8, 3, 5, 5))
        ((0, 2, 1), (0, 3, 1, 2))
    """
    given, wanted = tuple(given), tuple(wanted)
    same = given == wanted or given[:1] != wanted[:1] or sorted(given) != sorted(wanted)
    if same or len(given) < FEWEST:
        return ()
    if len(set(given[1:])) == len(given) - 1:
        return (0, *(1 + given[1:].index(size) for size in wanted[1:]))
    for rows, order in LAYOUTS.items():
        is_square = len(given) == len(order) and given[rows] == given[rows + 1]
        if is_square and tuple(given[axis] for axis in order) == wanted:
            return order
    return ()


# --- in the source --------------------------------------------------------------------------------
def _exchanged(script: Script, call: cst.Call, places: Places) -> tuple[int, ...]:
    """The order for a view: by the sizes seen while the program ran, or else as the text tells."""
    for name, place in places.items():
        operation = re.split("[#@]", name.rpartition(":")[2])[0]
        if operation in VIEWS and is_at(script, call, place):
            return _order(place.given, place.made)
    return _told(script, call)


def _told(script: Script, call: cst.Call) -> tuple[int, ...]:
    """The order of names that were given the sizes: `b, t, c = x.shape` and `x.view(b, c, t)`."""
    given, sizes = _asked(script, call)
    if not isinstance(given, cst.Name):
        return ()
    before = [
        statement
        for statement in script.of_kind(cst.Assign, scope_of(script, call))
        if script.span(statement)[1] <= script.span(call)[0]
    ]
    named = [_sizes_named(script, each, given.value) for each in before]
    last = max((i for i, names in enumerate(named) if names), default=-1)
    if last < 0 or any(_is_new(script, each, given.value) for each in before[last:]):
        return ()
    names, wanted = named[last], [script.text(size) for size in sizes]
    if sorted(names) != sorted(wanted) or names == wanted or names[0] != wanted[0]:
        return ()
    return tuple(names.index(each) for each in wanted)


def _sizes_named(script: Script, statement: cst.Assign, given: str) -> list[str]:
    """The names in `b, t, c = x.shape`."""
    left, right = statement.targets[0].target, script.text(statement.value).replace(" ", "")
    if not isinstance(left, cst.Tuple) or right not in (f"{given}.shape", f"{given}.size()"):
        return []
    return [script.text(each.value) for each in left.elements]


def _is_new(script: Script, statement: cst.Assign, given: str) -> bool:
    """Whether the name stands for another tensor from there on."""
    return any(script.text(each.target) == given for each in statement.targets)


def _asked(
    script: Script, call: cst.Call
) -> tuple[cst.BaseExpression | None, list[cst.BaseExpression]]:
    """What is viewed, and the sizes that it is asked for."""
    values = [arg.value for arg in call.args]
    given: cst.BaseExpression | None = None
    if script.name(call) == "torch.reshape":
        given, values = (values[0], values[1:]) if values else (None, [])
    elif isinstance(call.func, cst.Attribute):
        given = call.func.value
    if len(values) == 1 and isinstance(values[0], cst.Tuple | cst.List):
        values = [element.value for element in values[0].elements]
    return given, values


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 1)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        x = x.reshape(len(x), 2, 2)
        b, t, c = x.{}
        x = {}
        return self.head(self.conv(x).mean(-1))


model = Net()
"""


def _case(name: str, before: str, after: str | None, sizes: str = "shape") -> Any:
    frame = _NET.replace("{}", sizes, 1)
    return case(name, ExchangeAxes(), "model", before, after, frame=frame)


MANUAL = Manual(
    name=ExchangeAxes.name,
    title="Axes exchanged, not viewed",
    changes="A view or reshape that gives the axes of each sample their sizes in another order: "
    "the axes are permuted, so that each number keeps its neighbours. Of sizes that are alike only "
    "the channels of images are moved.",
    unsafe="Where numbers are to be dealt out anew in the order in which they lie in memory, as "
    "where they were stored in the wanted layout and read in another one.",
    references=("PyTorch documentation, torch.Tensor.view and torch.permute",),
    made_for=always(ExchangeAxes()),
    cases=(
        _case("a view of sizes with names", "x.view(b, c, t)", "x.permute(0, 2, 1)"),
        _case(
            "a function",
            "torch.reshape(x, (b, c, t))",
            "torch.permute(x, (0, 2, 1))",
            sizes="size()",
        ),
        _case(
            "refused: the name stands for another tensor",
            "x.transpose(1, 2).contiguous()\n        x = x.view(b, c, t)",
            None,
        ),
        _case("refused: the same order", "x.view(b, t, c)", None),
        _case("refused: sizes that the text does not tell", "x.view(-1, 2, 2)", None),
    ),
)
