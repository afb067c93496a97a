"""samples-first: the axis of the samples comes first before a view deals numbers out anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import is_at
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

VIEWS = ("view", "reshape")
MATRIX = 2
"""Axes of a matrix, which a view cannot merge."""
RECURRENT = ("torch.nn.RNN", "torch.nn.GRU", "torch.nn.LSTM")


@dataclass(frozen=True)
class SamplesFirst(Edit):
    """A view whose first axis is as long as a later one of what it is given moves that one first.

    Where the axes are the same in another order, they are permuted.
    """

    name: ClassVar[str] = "samples-first"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in VIEWS or kwargs or not torch.is_tensor(args[0]):
                return NotImplemented
            given = tuple(args[0].shape)
            wanted = resolved(args[1:], args[0].numel())
            order = _order(given, wanted)
            if not order:
                return NotImplemented
            moved = args[0].permute(order) if len(order) > 1 else args[0].movedim(order[0], 0)
            return call_again("reshape", moved, wanted)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        views = [call for name in VIEWS for call in trained(script, script.method_calls(name))]
        seen = [(call, order) for call in views if (order := _seen(script, call, places))]
        told = [(call, order) for call in views if (order := _told(script, call))]
        mixing = dict(seen or told)
        call = one(list(mixing), "view that mixes samples", script)
        yield from _moved(script, call, mixing[call])


# --- which axes -----------------------------------------------------------------------------------
def resolved(sizes: Sequence[Any], total: int) -> tuple[int, ...]:
    """The shape that is asked for, with its -1 worked out; empty where it is a type.

    Args:
        sizes: As a view is given them.
        total: How many numbers there are.
    """
    asked = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    if not all(isinstance(size, int) for size in asked):
        return ()
    known = 1
    for size in asked:
        known *= size if size >= 0 else 1
    return tuple(size if size >= 0 else total // max(known, 1) for size in asked)


def _order(given: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """What a view has to do first: the order of all axes, or the one that comes first; or nothing.

    Example:
        >>> _order((2, 48, 32), (48, 64)), _order((40, 50, 3), (50, 3, 40))
        ((1,), (1, 2, 0))
    """
    if not wanted or len(given) < MATRIX or given[0] == wanted[0] or wanted[0] == 1:
        return ()
    if sorted(given) == sorted(wanted) and len(set(given)) == len(given):
        return tuple(list(given).index(size) for size in wanted)
    return (list(given).index(wanted[0]),) if len(given) > MATRIX and wanted[0] in given else ()


# --- in the source --------------------------------------------------------------------------------
def _seen(script: Script, call: cst.Call, places: Places) -> tuple[int, ...]:
    """The order for a view that was seen to mix samples while the program ran."""
    for name, place in places.items():
        operation = re.split("[#@]", name.rpartition(":")[2])[0]
        if operation in VIEWS and is_at(script, call, place):
            return _order(place.given, place.made)
    return ()


def _told(script: Script, call: cst.Call) -> tuple[int, ...]:
    """The order that the text gives away: sizes of later axes, or states of a recurrence."""
    given = _receiver(script, call)
    if given is None or not call.args:
        return ()
    axes = [_axis(script, arg.value, script.text(given)) for arg in call.args]
    if axes[0] is None:
        return (1,) if len(axes) == MATRIX and _is_state(script, given) else ()
    return _completed(axes) if axes[0] else ()


def _completed(axes: Sequence[int | None]) -> tuple[int, ...]:
    """All axes where at most one size stands for itself; else the first one."""
    missing = [axis for axis in range(len(axes)) if axis not in axes]
    whole = tuple(missing[0] if a is None else a for a in axes) if missing else tuple(axes)
    known = tuple(axis for axis in whole if axis is not None)
    is_order = len(axes) > MATRIX and sorted(known) == list(range(len(axes)))
    return known if is_order else known[:1]


def _receiver(script: Script, call: cst.Call) -> cst.BaseExpression | None:
    return call.func.value if isinstance(call.func, cst.Attribute) else None


def _axis(script: Script, size: cst.CSTNode, given: str) -> int | None:
    """The axis of a tensor whose size an argument is: `x.size(1)` or `x.shape[1]`."""
    text = script.text(size).replace(" ", "")
    for form in (f"{given}.size(", f"{given}.shape["):
        number = text.removeprefix(form)[:-1]
        if text.startswith(form) and number.isdigit():
            return int(number)
    return None


def _is_state(script: Script, given: cst.CSTNode) -> bool:
    """Whether a name stands for the last states that a recurrence gives: layers first."""
    scope = script.within(given, cst.FunctionDef)
    for statement in script.of_kind(cst.Assign, scope):
        left, call = statement.targets[0].target, statement.value
        if not isinstance(left, cst.Tuple) or not isinstance(call, cst.Call):
            continue
        states = left.elements[1:]
        names = [script.text(n) for state in states for n in script.of_kind(cst.Name, state)]
        if script.text(given) in names and _is_recurrent(script, call):
            return True
    return False


def _is_recurrent(script: Script, call: cst.Call) -> bool:
    name = script.text(call.func)
    built = [s for s in script.of_kind(cst.Assign) if script.text(s.targets[0].target) == name]
    return any(script.name(s.value) in RECURRENT for s in built)


def _moved(script: Script, call: cst.Call, order: Sequence[int]) -> Iterator[Change]:
    """The call behind a permutation; a permutation alone where it gives the shape asked for."""
    given = _receiver(script, call)
    if given is None or not isinstance(call.func, cst.Attribute):
        raise Refused(f"line {script.line(call)} views no tensor")
    method, end = script.span(call.func.attr)[0], script.span(call)[1]
    if len(order) > 1:
        yield Change(method, end, f"permute({', '.join(map(str, order))})")
        return
    arguments = script.text(call)[len(script.text(call.func)) :]
    yield Change(method, end, f"movedim({order[0]}, 0).reshape{arguments}")


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 8, batch_first=True, bidirectional=True)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        _, hidden = self.gru(x.view(len(x), 2, 2))
        return self.head(hidden.{})


model = Net()
"""
_TURNED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 2)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        x = x.view(len(x), 2, 2).transpose(0, 1).contiguous()
        {}
        return self.head(self.conv(x).flatten(1))


model = Net()
"""
_BY_NAME = "{}.view({}.size(1), -1)"


def _case(name: str, net: str, before: str, after: str | None) -> Any:
    return case(name, SamplesFirst(), "model", before, after, frame=net)


MANUAL = Manual(
    name=SamplesFirst.name,
    title="The axis of the samples first, before a view",
    changes="A view or reshape whose first axis is as long as a later axis of what it is given: "
    "that one is moved to the front before, or, where only the order of the axes differs, they are "
    "permuted.",
    unsafe="Where two axes are as long as one another by chance, or where the numbers of several "
    "samples are to be dealt out anew.",
    references=("PyTorch documentation, torch.Tensor.view and torch.nn.GRU: layout of h_n",),
    made_for=always(SamplesFirst()),
    cases=(
        _case(
            "the last states of both directions",
            _NET,
            "view(x.shape[0], 16)",
            "movedim(1, 0).reshape(x.shape[0], 16)",
        ),
        _case(
            "axes by their sizes",
            _TURNED,
            "x = x.view(x.size(1), 2, x.size(0))",
            "x = x.permute(1, 2, 0)",
        ),
        _case(
            "refused: two views",
            _NET,
            "view(x.shape[0], 16) + hidden.view(len(x), -1)",
            None,
        ),
    ),
)
