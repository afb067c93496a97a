"""insert-residual: a short cut around hidden layers that keep their width."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import Finding, Kind, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import submodule
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class InsertResidual(Edit):
    """`x = block(x)` becomes `x = x + block(x)`.

    In a live run the block ends with the layer, in the source with the whole expression, activation
    included: where the sum is written down decides. In a loop over a list of layers, the sum is
    made wherever the shape allows it.
    """

    name: ClassVar[str] = "insert-residual"
    layers: tuple[str, ...]
    """Module paths of linear layers whose output is as wide as their input."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        found = [submodule(run.model, path) for path in self.layers]
        stack = ExitStack()
        for layer in found:
            if getattr(layer, "in_features", 0) != getattr(layer, "out_features", 1):
                raise Refused("a layer changes the width")
            hook = layer.register_forward_hook(_added)
            stack.callback(hook.remove)
        return stack

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        for path in self.layers:
            owner, _, layer = path.rpartition(".")
            of_list = owner.rpartition(".")[2] if layer.isdigit() else ""
            call = _in_loop(script, of_list) if of_list else _called(script, layer)
            statement = _statement(script, call)
            name = script.text(statement.targets[0].target)
            text = script.text(statement.value)
            if text.startswith(f"{name} + "):
                continue
            if of_list:
                made = _free_name(script)
                text = f"{made} if ({made} := {text}).shape == {name}.shape else {made}"
            yield script.replaced(statement.value, f"{name} + {text}")


def _called(script: Script, layer: str) -> cst.Call:
    if layer.isdigit():
        raise Refused("a list of layers has no place for a sum")
    found = script.calls(lambda call: script.text(call.func) == f"self.{layer}")
    return one(found, f"call of self.{layer}", script)


def _in_loop(script: Script, layers: str) -> cst.Call:
    """The call of `layer` in `for layer in self.layers:`, or with the number beside it."""
    found = []
    for loop in script.of_kind(cst.For):
        over = [script.text(each) for each in script.of_kind(cst.Attribute, loop.iter)]
        names = [each.value for each in script.of_kind(cst.Name, loop.target)]
        if f"self.{layers}" in over and names:
            is_last = lambda call, name=names[-1]: script.text(call.func) == name  # noqa: E731
            found += script.calls(is_last, loop.body)
    return one(found, f"call of the layers in self.{layers}", script)


def _statement(script: Script, call: cst.Call) -> cst.Assign:
    """The `x = … layer(x, …) …` that a call stands in."""
    found = script.within(call, cst.Assign)
    given = script.text(call.args[0].value) if call.args else ""
    if found is None or [script.text(t.target) for t in found.targets] != [given]:
        raise Refused(f"line {script.line(call)} does not give its result the input's name")
    return found


def _free_name(script: Script) -> str:
    """A name that the script has for nothing yet."""
    taken = {each.value for each in script.of_kind(cst.Name)}
    names = chain(["h"], (f"h{number}" for number in count(1)))
    return next(name for name in names if name not in taken)


def _added(_layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    return inputs[0] + output


def made_for(finding: Finding, trace: Trace) -> Iterator[InsertResidual]:
    """Around the hidden linear layers that keep their width."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    sites = [graph.sites[i] for i in graph.of_kind(Kind.LINEAR)] if graph else []
    kept = [s.module for s in sites if s.module and s.fan_in == s.units]
    if kept:
        yield InsertResidual(tuple(kept))


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x):
        x = torch.sigmoid(self.first(x))
        {}
        return self.last(x)


model = Net()
"""
_SECOND = InsertResidual(("second",))
_LOOP = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 8)])
        self.last = nn.Linear(8, 1)

    def forward(self, x):
        for {}:
            x = {}
        return self.last(x)


model = Net()
"""
_SUM = "x + h if (h := {0}).shape == x.shape else h"
_ROUND = "torch.sigmoid(layer(x))"
_HIDDEN = InsertResidual(("layers.1", "layers.2"))
MANUAL = Manual(
    name=InsertResidual.name,
    title="A short cut around hidden layers",
    changes="What a hidden layer hands on: its input and what it computes of it. Weights stay.",
    unsafe="Where the layer is to forget its input; and in very deep networks without a "
    "normalisation, where the sums grow from layer to layer.",
    references=("He, Zhang, Ren & Sun 2016, Deep Residual Learning for Image Recognition",),
    made_for=made_for,
    cases=(
        case(
            "a layer and its activation",
            _SECOND,
            "model",
            _NET.format("x = torch.sigmoid(self.second(x))"),
            _NET.format("x = x + torch.sigmoid(self.second(x))"),
        ),
        case(
            "a layer alone, with a comment",
            _SECOND,
            "model",
            _NET.format("x = self.second(x)  # mixes"),
            _NET.format("x = x + self.second(x)  # mixes"),
        ),
        case(
            "a loop, whose first layer changes the width",
            _HIDDEN,
            "model",
            _LOOP.format("layer in self.layers", _ROUND),
            _LOOP.format("layer in self.layers", _SUM.format(_ROUND)),
        ),
        case(
            "a loop that counts",
            _HIDDEN,
            "model",
            _LOOP.format("number, layer in enumerate(self.layers)", _ROUND),
            _LOOP.format("number, layer in enumerate(self.layers)", _SUM.format(_ROUND)),
        ),
        case(
            "refused: two layers in a round",
            _HIDDEN,
            "model",
            _LOOP.format("layer in self.layers", "layer(x) * layer(x)"),
            None,
        ),
        case(
            "refused: the result has another name",
            _SECOND,
            "model",
            _NET.format("h = x.relu(); x = self.second(h)"),
            None,
        ),
    ),
)
