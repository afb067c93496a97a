"""insert-activation: a non-linear function behind a layer that has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import WEIGHTED, Finding, Graph, Kind, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import submodule
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._sites import layers_of
from lifesigns.remedies._torch_names import MODULES, module_name
from lifesigns.remedies.testing import case

SETTINGS = {"softmax": {"dim": -1}}
"""Arguments that a class in `torch.nn` needs, by the operation."""


@dataclass(frozen=True)
class InsertActivation(Edit):
    """The modules at `layers` are followed by the activation `to`, a class in `torch.nn`."""

    name: ClassVar[str] = "insert-activation"
    layers: tuple[str, ...]
    """Module paths, e.g. `encoder.fc1`."""
    to: str = "relu"
    """In the graph's words."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        activation = getattr(nn, MODULES[self.to])(**SETTINGS.get(self.to, {}))
        found = [submodule(run.model, path) for path in self.layers]
        stack = ExitStack()
        for layer in found:
            hook = layer.register_forward_hook(lambda _m, _i, output: activation(output))
            stack.callback(hook.remove)
        return stack

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        if not all(self.layers):
            raise Refused("the layer is a function call, not a module")
        settings = ", ".join(f"{k}={v}" for k, v in SETTINGS.get(self.to, {}).items())
        activation = f"{script.spelled(module_name(self.to))}({settings})"
        nn_ = script.spelled("torch.nn")
        for call in layers_of(script, self.layers, places):
            if script.name(call) != "torch.nn.Sequential":
                both = f"{nn_}.Sequential({script.text(call)}, {activation})"
                yield script.replaced(call, both)


def made_for(finding: Finding, trace: Trace) -> Iterator[InsertActivation]:
    """Behind layers whose output goes to the next unbent; or at the output, for probabilities."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    if graph is None:
        return
    layers = graph.of_kind(Kind.LINEAR, Kind.CONVOLUTION)
    if finding.rule == "logits-as-probabilities":
        last = [i for i in layers if not graph.leads_to(i, WEIGHTED)]
        to = "sigmoid" if last and graph.sites[last[0]].units == 1 else "softmax"
        if len(last) == 1:
            yield InsertActivation((graph.sites[last[0]].module,), to)
        return
    ends = dict.fromkeys(end for i in layers for end in _bare(graph, i, i))
    bare = [graph.sites[end].module for end in ends]
    if bare:
        yield InsertActivation(tuple(bare))
        yield InsertActivation(tuple(bare), "tanh")


def _bare(graph: Graph, start: int, last: int) -> Iterator[int]:
    """The site behind which another layer's weights follow with nothing that bends between.

    Args:
        graph: Of a run.
        start: A site from which only normalisations and dropout are passed.
        last: The last one up to it that is not dropout.
    """
    for each in graph.successors(start):
        kind = graph.sites[each].kind
        if kind in WEIGHTED:
            yield last
        elif kind in (Kind.NORM, Kind.DROPOUT):
            yield from _bare(graph, each, each if kind is Kind.NORM else last)


# --- cases ----------------------------------------------------------------------------------------
_STACK = "model = nn.Sequential(nn.Linear(4, 8), {}, nn.Linear(8, 1))"
_CLASS = """
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.first: nn.Linear = {}
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        return self.last(self.first(x))


model = Net()
"""
MANUAL = Manual(
    name=InsertActivation.name,
    title="An activation behind a layer that has none",
    changes="What a layer hands on. It is wrapped, with its activation, where it is built; its "
    "parameters keep their values and get another name.",
    unsafe="Where two layers are meant as one of low rank, and where a part of the script reaches "
    "for the layer's weight by its name.",
    references=("Minsky & Papert 1969, Perceptrons: layers without a threshold are one layer",),
    made_for=made_for,
    cases=(
        case(
            "a position in a Sequential",
            InsertActivation(("1",)),
            "model",
            _STACK.format("nn.Linear(8, 8)"),
            _STACK.format("nn.Sequential(nn.Linear(8, 8), nn.ReLU())"),
        ),
        case(
            "an attribute of a class",
            InsertActivation(("first",), "tanh"),
            "model",
            _CLASS.format("nn.Linear(4, width)"),
            _CLASS.format("nn.Sequential(nn.Linear(4, width), nn.Tanh())"),
        ),
        case(
            "refused: built in one of two ways",
            InsertActivation(("first",)),
            "model",
            _CLASS.format("nn.Linear(4, 8) if width == 8 else nn.Linear(4, width)"),
            None,
        ),
    ),
)
