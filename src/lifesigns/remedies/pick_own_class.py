"""pick-own-class: from each row of probabilities that of the sample's own class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

PICKING = frozenset({"index", "index_select"})
"""How a crossing of labels with rows is made, in the graph's words."""
CLASSES = 1
"""The dimension of the classes, of which an `index_select` picks."""


@dataclass(frozen=True)
class PickOwnClass(Edit):
    """Labels that pick columns for all rows pick one column for each row."""

    name: ClassVar[str] = "pick-own-class"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_picked)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        found: list[cst.Subscript | cst.Call] = [
            *(each for each in script.of_kind(cst.Subscript) if _column(each) is not None),
            *(each for each in script.method_calls("index_select") if _is_of_classes(script, each)),
        ]
        node = one(trained(script, found), "place where labels pick from every row", script)
        rows = "{0}(len({1})), {1}"
        arange = script.spelled("torch.arange")
        if isinstance(node, cst.Subscript):
            picked = _column(node)
            assert picked is not None
            start, end = script.span(node.slice[0])[0], script.span(node.slice[1])[1]
            yield Change(start, end, rows.format(arange, script.text(picked)))
        elif isinstance(node.func, cst.Attribute):
            labels = script.text(node.args[1].value)
            yield script.replaced(
                node, f"{script.text(node.func.value)}[{rows.format(arange, labels)}]"
            )


def _column(node: cst.Subscript) -> cst.BaseExpression | None:
    """What `rows[:, column]` picks for all rows, where that is no number."""
    if len(node.slice) != len((":", "column")):
        return None
    rows, column = (each.slice for each in node.slice)
    whole = isinstance(rows, cst.Slice) and not (rows.lower or rows.upper or rows.step)
    if not whole or not isinstance(column, cst.Index) or column.star:
        return None
    value = column.value
    return value if isinstance(value, cst.Name | cst.Attribute | cst.Call) else None


def _is_of_classes(script: Script, call: cst.Call) -> bool:
    dim = argument(call, "dim", 0)
    is_method = script.name(call) != "torch.index_select"
    return bool(dim and script.text(dim.value) == str(CLASSES) and is_method and len(call.args) > 1)


def _picked(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "__getitem__":
        rows, place = args
        if isinstance(place, tuple) and len(place) > 1 and place[0] == slice(None):
            return _of_each(rows, place[1]) if len(place) == rows.dim() else NotImplemented
    if name == "index_select":
        given = [*args, *(kwargs[key] for key in ("dim", "index") if key in kwargs)]
        if given[1] == CLASSES:
            return _of_each(given[0], given[2])
    return NotImplemented


def _of_each(rows: Tensor, labels: Any) -> Any:
    """The column of each row, where there are as many labels as rows, and the rows have weights."""
    is_label = torch.is_tensor(labels) and labels.dim() == 1 and labels.dtype is torch.int64
    if not is_label or not rows.requires_grad or labels.shape != rows.shape[:1]:
        return NotImplemented
    return rows[torch.arange(len(labels), device=rows.device), labels]


def made_for(finding: Finding, trace: Trace) -> Iterator[PickOwnClass]:
    """Where labels have picked from every row."""
    losses = [shot.loss for shot in trace.snapshots if shot.loss]
    if any(loss.crossing and loss.crossing.operation in PICKING for loss in losses):
        yield PickOwnClass()


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(dim=1))"
_LABELS = "labels = x[:, :3].argmax(1)"
_LOOP = """
for step in range(20):
    logp = model(x)
    loss = -{}.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(model(x)[:, labels].mean())
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(
        name, PickOwnClass(), "loop", _LOOP.format(before), other, data=_LABELS, model=_MODEL
    )


MANUAL = Manual(
    name=PickOwnClass.name,
    title="From each row the column of its own class",
    changes="Where labels pick columns of a table in training: `logp[:, y]` becomes "
    "`logp[torch.arange(len(y)), y]`. What is only evaluated stays.",
    unsafe="Where the columns of all samples are meant for every row, as in a contrastive loss.",
    references=("PyTorch documentation, torch.nn.functional.nll_loss",),
    made_for=made_for,
    cases=(
        _case(
            "a slice before the labels",
            "logp[:, labels]",
            "logp[torch.arange(len(labels)), labels]",
        ),
        _case(
            "index_select",
            "logp.index_select(1, labels)",
            "logp[torch.arange(len(labels)), labels]",
        ),
        _case("refused: one class by its number", "logp[:, 0]", None),
    ),
)
