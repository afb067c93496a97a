"""keep-precision: weights and data in single precision, where a script turned them to 16 bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, until_closed
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

SHORT = {
    "half": torch.float16,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
"""The types of 16 bits by what they are called."""
METHODS = ("half", "bfloat16")
WITHIN = ("autocast", "custom_fwd")
"""What computes in 16 bits and keeps the weights as they are."""
ROUNDED = 1e-4
"""Numbers of 16 bits are further apart than this share of their size; those of 32 are not."""


@dataclass(frozen=True)
class KeepPrecision(Edit):
    """What would become float16 or bfloat16 is float32; autocast goes on as it is."""

    name: ClassVar[str] = "keep-precision"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        run.model.float()
        groups = run.optimizer.param_groups if run.optimizer is not None else ()
        for parameter in (p for group in groups for p in group["params"]):
            parameter.data = _wide(parameter.data)
        return _kept(run.model)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        found: list[cst.CSTNode] = [*_methods(script), *_types(script)]
        node = one(found, "change to 16 bits", script)
        if isinstance(node, cst.Call):
            # `half` makes a copy, which may be changed in place; `float` makes one if it has to.
            name = "clone().float" if _is_changed(script, node) else "float"
            yield script.replaced(_method(node), name)
        else:
            yield script.replaced(node, script.spelled("torch.float32"))


# --- in a live run --------------------------------------------------------------------------------
def _wide(given: Any) -> Any:
    """The same in single precision, if it is of 16 bits."""
    return given.float() if isinstance(given, Tensor) and _is_short(given.dtype) else given


def _is_short(given: Any) -> bool:
    return given in (torch.float16, torch.bfloat16)


def _answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name in METHODS and args and isinstance(args[0], Tensor):
        return args[0].to(torch.float32, copy=True)
    if name != "to" or not any(_is_short(each) for each in (*args[1:], *kwargs.values())):
        return NotImplemented
    others = [torch.float32 if _is_short(each) else each for each in args[1:]]
    named = {k: torch.float32 if _is_short(each) else each for k, each in kwargs.items()}
    return args[0].to(*others, **named)


@contextmanager
def _kept(model: nn.Module) -> Iterator[None]:
    """What the model is given was turned to 16 bits before its first pass, at least that time."""

    def widen(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_wide(each) for each in given)

    with until_closed(model.register_forward_pre_hook(widen)), Answering(_answer):
        yield


# --- in the source --------------------------------------------------------------------------------
def _methods(script: Script) -> list[cst.Call]:
    """Calls such as `model.half()`."""
    calls = [call for name in METHODS for call in script.method_calls(name) if not call.args]
    return trained(script, calls)


def _method(call: cst.Call) -> cst.CSTNode:
    return call.func.attr if isinstance(call.func, cst.Attribute) else call.func


def _is_changed(script: Script, call: cst.Call) -> bool:
    """Whether a method that works in place, such as `pow_`, is called on the result."""
    around = [each for each in script.around(call) if isinstance(each, cst.Attribute)]
    return any(each.attr.value.endswith("_") for each in around)


def _types(script: Script) -> list[cst.CSTNode]:
    """Mentions of a type of 16 bits that is no setting of autocast, each once."""
    names = {f"torch.{name}" for name in SHORT}
    mentions = [node for node in script.of_kind(cst.Attribute) if script.name(node) in names]
    taken = [node for node in mentions if script.within(node, cst.Comparison) is None]
    return [node for node in taken if not _is_of_autocast(script, node)]


def _is_of_autocast(script: Script, node: cst.CSTNode) -> bool:
    calls = (each for each in script.around(node) if isinstance(each, cst.Call))
    return any(script.name(call).rpartition(".")[2] in WITHIN for call in calls)


def made_for(finding: Finding, trace: Trace) -> Iterator[KeepPrecision]:
    """One, where weights are of 16 bits."""
    readings = trace.snapshots[0].parameters if trace.snapshots else ()
    if any(reading.resolution > ROUNDED for reading in readings):
        yield KeepPrecision()


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    loss = F.mse_loss(model(x{}).float(), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_TYPE = "kind = torch.{}\n"
_BUILT = "model = nn.Linear(4, 1).to(kind)"
_AUTOCAST = """
for step in range(20):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.mse_loss(model(x.{}()).float(), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_SQUARES = """
for step in range(20):
    z = 500 * model(x)
    loss = F.mse_loss(z / (z.{}().pow_(2).mean() + 1).sqrt(), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
MANUAL = Manual(
    name=KeepPrecision.name,
    title="Weights and data in single precision",
    changes="The type of what the script turns to float16 or bfloat16: it is float32. Autocast, "
    "which computes in 16 bits and keeps the weights in 32, stays.",
    unsafe="Where memory does not suffice for weights of twice the size. A network that is only "
    "evaluated does well with 16 bits.",
    references=("Micikevicius et al. 2018, Mixed Precision Training, section 3.1",),
    made_for=made_for,
    cases=(
        case(
            "a type that has a name",
            KeepPrecision(),
            "data",
            _TYPE.format("bfloat16"),
            _TYPE.format("float32"),
            model=_BUILT,
            loop=_LOOP.format(".to(kind)"),
        ),
        case(
            "a method, beside autocast",
            KeepPrecision(),
            "loop",
            _AUTOCAST.format("bfloat16"),
            _AUTOCAST.format("float"),
        ),
        case(
            "squares within a network, in place",
            KeepPrecision(),
            "loop",
            _SQUARES.format("half"),
            _SQUARES.format("clone().float"),
        ),
        case(
            "refused: a type that is asked for",
            KeepPrecision(),
            "data",
            "short = x.dtype == torch.float16",
            None,
        ),
        case(
            "refused: model and data are turned one by one",
            KeepPrecision(),
            "loop",
            "model = model.half()" + _LOOP.format(".half()"),
            None,
        ),
    ),
)
