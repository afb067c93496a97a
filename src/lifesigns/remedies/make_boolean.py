"""make-boolean: a mask that picks the rows where it is 1, not rows 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._loss_value import differentiated
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies.testing import case

BOOLEAN = ".bool()"


@dataclass(frozen=True)
class MakeBoolean(Edit):
    """The index of what the loss is taken of is a mask of booleans."""

    name: ClassVar[str] = "make-boolean"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_masked)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        found = [index for node in differentiated(script) if (index := _index(node)) is not None]
        index = one(found, "index of what the loss is taken of", script)
        if not script.text(index).endswith(BOOLEAN):
            end = script.span(index)[1]
            yield Change(end, end, BOOLEAN)


def _masked(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The rows where integers of 0 and 1, as many as there are rows, are 1."""
    if name != "__getitem__" or not all(isinstance(arg, Tensor) for arg in args):
        return NotImplemented
    rows, index = args
    is_mask = rows.requires_grad and rows.shape == index.shape and not index.is_floating_point()
    return rows[index.bool()] if is_mask and ((index == 0) | (index == 1)).all() else NotImplemented


def _index(node: cst.CSTNode) -> cst.BaseExpression | None:
    """The one name that something is indexed with."""
    if not isinstance(node, cst.Subscript) or len(node.slice) != 1:
        return None
    part = node.slice[0].slice
    value = part.value if isinstance(part, cst.Index) else None
    return value if isinstance(value, cst.Name | cst.Attribute | cst.Call) else None


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
event = (y[:, 0] > 0.3).long()
for step in range(20):
    errors = (model(x) - y)[:, 0] ** 2
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, MakeBoolean(), "loop", _LOOP.format(before), other)


MANUAL = Manual(
    name=MakeBoolean.name,
    title="A mask of booleans",
    changes="The index of the values that the loss is the mean or sum of: integers of 0 and 1 "
    "become false and true, and pick the rows where they are 1.",
    unsafe="Where the index is meant to be one: numbers of rows.",
    references=("NumPy user guide, Indexing on ndarrays: boolean array indexing",),
    made_for=always(MakeBoolean()),
    cases=(
        _case("a mean", "errors[event].mean()", "errors[event.bool()].mean()"),
        _case("below a factor", "0.1 * errors[event].mean()", "0.1 * errors[event.bool()].mean()"),
        _case("refused: nothing is indexed", "errors.mean()", None),
        _case("refused: two indices", "errors[event].mean() + errors[event].max()", None),
    ),
)
