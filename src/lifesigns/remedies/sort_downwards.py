"""sort-downwards: the one sort in the program begins with the largest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_with
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies.testing import case

FUNCTIONS = ("argsort", "sort")
DESCENDING = "descending"


@dataclass(frozen=True)
class SortDownwards(Edit):
    """What was sorted upwards is sorted downwards."""

    name: ClassVar[str] = "sort-downwards"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_downwards)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        call = one(script.calls(lambda call: _sorts(script, call)), "sort of a tensor", script)
        given = argument(call, DESCENDING)
        if given is not None:
            yield Change(*script.span(given.value), "True")
            return
        end = script.span(call)[1] - 1
        comma = ", " if call.args else ""
        yield Change(end, end, f"{comma}{DESCENDING}=True")


def _downwards(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Of data, while a loss is computed: a metric sorts without gradients."""
    is_data = bool(args) and isinstance(args[0], Tensor) and not args[0].requires_grad
    if name not in FUNCTIONS or not is_data or not torch.is_grad_enabled():
        return NotImplemented
    return call_with(True, DESCENDING, 2, name, args, kwargs)


def _sorts(script: Script, call: cst.Call) -> bool:
    """Whether a call sorts a tensor, as a function or as a method whose result is used."""
    if script.name(call) in [f"torch.{name}" for name in FUNCTIONS]:
        return True
    is_method = isinstance(call.func, cst.Attribute) and call.func.attr.value in FUNCTIONS
    is_used = not isinstance(next(script.around(call)), cst.Expr)
    return is_method and is_used and not script.name(call).startswith(("numpy.", "torch."))


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
time = y[:, 0].abs()
for step in range(20):
    risk = model(x)[:, 0]
    order = {}
    risk = risk[order]
    loss = (torch.logcumsumexp(risk, 0) - risk).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, SortDownwards(), "loop", _LOOP.format(before), other)


MANUAL = Manual(
    name=SortDownwards.name,
    title="A sort that begins with the largest",
    changes="The one call of `sort` or `argsort` gets `descending=True`: those that were there for "
    "the longest time come first, and a growing sum runs over who is still at risk.",
    unsafe="Where the sum runs from behind: the order was right then.",
    references=("Cox, 1972, Regression models and life-tables: the risk set",),
    made_for=always(SortDownwards()),
    cases=(
        _case("a function", "torch.argsort(time)", "torch.argsort(time, descending=True)"),
        _case("a method", "time.argsort()", "time.argsort(descending=True)"),
        _case("of pairs", "time.sort()[1]", "time.sort(descending=True)[1]"),
        _case(
            "upwards, as it says",
            "torch.argsort(time, descending=False)",
            "torch.argsort(time, descending=True)",
        ),
        _case("refused: nothing is sorted", "torch.arange(len(time))", None),
        _case("refused: two sorts", "time.argsort().argsort()", None),
    ),
)
