"""copy-data: what is read is changed as a copy, so that the data stay as they are."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar

import torch

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import class_of
from lifesigns.remedies.testing import case

SIGNS = {
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
}
WORDS = ("add", "sub", "subtract", "mul", "multiply", "div", "divide", "clamp", "neg", "pow")
METHODS = tuple(f"{word}_" for word in WORDS)
OPERATORS = {"add_": "add", "sub_": "sub", "mul_": "mul", "div_": "div"}
IN_PLACE = ("BINARY_OP", "INPLACE")
"""How the names of bytecodes begin that `x += y` is compiled to: its result gets a name."""
READS = ("torch.from_numpy", "torch.as_tensor", "numpy.asarray")
"""They give another name to the same numbers."""
FETCH = "__getitem__"


@dataclass(frozen=True)
class CopyData(Edit):
    """The first change in place of what was read from the data makes a copy."""

    name: ClassVar[str] = "copy-data"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if getattr(run.loader, "num_workers", 0):
            raise Refused("the data are read by other processes")
        return _copied(type(getattr(run.loader, "dataset", None)))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        found = _first_ones(script)
        fetched = [node for node in found if _function(script, node) == FETCH]
        node = one(fetched or found, "change of data in place", script)
        if isinstance(node, cst.AugAssign):
            return [_written_out(script, node)]
        return _as_copy(script, node)


# --- in a live run --------------------------------------------------------------------------------
@contextmanager
def _copied(kind: type) -> Iterator[None]:
    fetch = vars(kind).get(FETCH)
    with ExitStack() as stack:
        if fetch is not None and kind.__module__.partition(".")[0] != "torch":
            setattr(kind, FETCH, _reading_copies(fetch))
            stack.callback(setattr, kind, FETCH, fetch)
        stack.enter_context(Answering(_out_of_place))
        yield


def _reading_copies(fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Within it, what is taken out of a tensor is a copy."""

    def answer(name: str, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Any:
        return args[0][args[1]].clone() if name == FETCH else NotImplemented

    @wraps(fetch)
    def fetched(*args: Any) -> Any:
        with Answering(answer):
            return fetch(*args)

    return fetched


def _out_of_place(name: str, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Any:
    if name not in OPERATORS or not torch.is_tensor(args[0]) or args[0].requires_grad:
        return NotImplemented
    frame = sys._getframe(2)  # behind the mode
    operation = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    return call_again(OPERATORS[name], *args) if operation.startswith(IN_PLACE) else NotImplemented


# --- in the source --------------------------------------------------------------------------------
def _first_ones(script: Script) -> list[cst.AugAssign | cst.Call]:
    """In each function, the first change in place of each name that stands for data."""
    nodes: list[cst.AugAssign | cst.Call] = [
        *(n for n in script.of_kind(cst.AugAssign) if type(n.operator) in SIGNS),
        *(call for method in METHODS for call in script.method_calls(method)),
    ]
    firsts: dict[tuple[cst.CSTNode | None, str], cst.AugAssign | cst.Call] = {}
    for node in sorted(nodes, key=lambda node: script.span(node)[1]):
        changed = _changed(node)
        if changed is not None and _is_data(script, node, changed):
            firsts.setdefault((script.within(node, cst.FunctionDef), script.text(changed)), node)
    return list(firsts.values())


def _changed(node: cst.AugAssign | cst.Call) -> cst.BaseExpression | None:
    if isinstance(node, cst.AugAssign):
        return node.target if isinstance(node.target, cst.Name) else None
    return node.func.value if isinstance(node.func, cst.Attribute) else None


def _is_data(script: Script, node: cst.CSTNode, changed: cst.BaseExpression) -> bool:
    """Whether something that was read is changed: a part, another name, or an argument."""
    owner = script.within(node, cst.ClassDef)
    if ".item()" in script.text(node) or (owner is not None and _is_module(script, owner)):
        return False
    if isinstance(changed, cst.Subscript):
        return True
    return isinstance(changed, cst.Name) and _is_read(script, changed)


def _is_module(script: Script, owner: cst.ClassDef) -> bool:
    """Whether a class has a forward pass of its own."""
    methods = [each.name.value for each in script.of_kind(cst.FunctionDef, owner)]
    return class_of(script, owner) is not None and "forward" in methods


def _is_read(script: Script, name: cst.Name) -> bool:
    function = script.within(name, cst.FunctionDef)
    scope = function or script.tree
    if function is not None and name.value in [p.name.value for p in function.params.params]:
        return True
    values = [
        statement.value
        for statement in script.of_kind(cst.Assign, scope)
        if any(script.text(each.target) == name.value for each in statement.targets)
    ]
    loops = [n.value for f in script.of_kind(cst.For, scope) for n in _names(script, f.target)]
    return name.value in loops or any(_is_part(script, value) for value in values)


def _names(script: Script, target: cst.CSTNode) -> list[cst.Name]:
    return script.of_kind(cst.Name, target)


def _is_part(script: Script, value: cst.BaseExpression) -> bool:
    is_read = isinstance(value, cst.Call) and script.name(value) in READS
    return is_read or isinstance(value, cst.Name | cst.Subscript)


def _function(script: Script, node: cst.CSTNode) -> str:
    function = script.within(node, cst.FunctionDef)
    return function.name.value if function is not None else ""


def _written_out(script: Script, node: cst.AugAssign) -> Change:
    """`x -= y` as `x = x - y`."""
    name, value = script.text(node.target), script.text(node.value)
    is_whole = not isinstance(node.value, cst.BinaryOperation | cst.IfExp)
    right = value if is_whole else f"({value})"
    return script.replaced(node, f"{name} = {name} {SIGNS[type(node.operator)]} {right}")


def _as_copy(script: Script, call: cst.Call) -> list[Change]:
    """`x.sub_(y)` as `x.sub(y)`, which gets the name of `x` where nobody else takes it."""
    if not isinstance(call.func, cst.Attribute):
        raise Refused(f"line {script.line(call)} changes no data")
    method = call.func.attr
    out = script.replaced(method, method.value.removesuffix("_"))
    statement = script.within(call, cst.Expr)
    if statement is None:
        return [out]
    given = call.func.value
    if not isinstance(given, cst.Name):
        raise Refused(f"line {script.line(call)} changes a part of the data that has no name")
    start = script.span(statement)[0]
    return [Change(start, start, f"{given.value} = "), out]


# --- cases ----------------------------------------------------------------------------------------
_DATA = """
class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return len(x)

    def __getitem__(self, index):
        row = x[index]
        {}


loader = torch.utils.data.DataLoader(Rows(), batch_size=16)
"""
_EPOCHS = """
for step in range(5):
    for rows, target in loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(rows), target)
        loss.backward()
        optimizer.step()
"""
_NOISE = """
def noisy(rows, size=0.1):
    {}
    return rows


for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model(noisy(x)), y)
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    """With data that are normalised as they are read."""
    return case(name, CopyData(), "data", before, after, frame=_DATA, loop=_EPOCHS)


MANUAL = Manual(
    name=CopyData.name,
    title="Data are changed as a copy",
    changes="The first operation in place on what was read from the data (`sub_`, `-=`) gives "
    "a new tensor, so what is stored is the same the next time it is read.",
    unsafe="Where the data are meant to be changed for good, such as a memory that is filled.",
    references=("PyTorch documentation, In-place operations end in an underscore",),
    made_for=always(CopyData()),
    cases=(
        _case(
            "methods in a row",
            "return row.sub_(0.5).div_(2), y[index]",
            "return row.sub(0.5).div_(2), y[index]",
        ),
        _case(
            "a method whose result nobody takes",
            "row.div_(2).add_(1)\n        return row, y[index]",
            "row = row.div(2).add_(1)\n        return row, y[index]",
        ),
        case(
            "an argument that gets noise",
            CopyData(),
            "loop",
            _NOISE.format("rows += size * torch.randn_like(rows)"),
            _NOISE.format("rows = rows + (size * torch.randn_like(rows))"),
        ),
        _case(
            "refused: a part without a name",
            "x[index].sub_(0.5)\n        return x[index], y[index]",
            None,
        ),
    ),
)
