"""separate-layers: a layer of its own at each place of a list that holds one several times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import optimize_too
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned, builds_module
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class SeparateLayers(Edit):
    """What a list repeats is built anew for each of its places."""

    name: ClassVar[str] = "separate-layers"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        lists = [m for m in run.model.modules() if isinstance(m, nn.ModuleList)]
        new = [copied for each in lists for copied in _separated(each)]
        if not new:
            raise Refused("no list of the model holds a layer twice")
        if run.optimizer is not None:
            optimize_too(run.optimizer, [p for layer in new for p in layer.parameters()])
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        written = dict(_repetitions(script))
        repeated = one(list(written), "list that repeats one layer", script)
        yield script.replaced(repeated, written[repeated])


def _separated(layers: nn.ModuleList) -> Iterator[nn.Module]:
    """The copies that took the place of a repeated layer."""
    seen = list[nn.Module]()
    for place, layer in enumerate(layers):
        if any(layer is known for known in seen):
            layers[place] = deepcopy(layer)
            yield layers[place]
        seen.append(layer)


def _repetitions(script: Script) -> Iterator[tuple[cst.CSTNode, str]]:
    """What makes each list hold one layer several times, and what builds it anew each time."""
    for product in script.of_kind(cst.BinaryOperation):
        for held, times in ((product.left, product.right), (product.right, product.left)):
            if isinstance(product.operator, cst.Multiply) and (built := _single(script, held)):
                yield product, f"[{script.text(built)} for _ in range({script.text(times)})]"
    for every in script.of_kind(cst.ListComp):
        if isinstance(every.elt, cst.Name) and (built := _built(script, every.elt)):
            yield every.elt, script.text(built)


def _single(script: Script, node: cst.BaseExpression) -> cst.CSTNode | None:
    """What builds the layer of a list of one."""
    if not isinstance(node, cst.List | cst.Tuple) or len(node.elements) != 1:
        return None
    return _built(script, node.elements[0].value)


def _built(script: Script, node: cst.CSTNode) -> cst.CSTNode | None:
    """The expression that builds a layer: the node itself, or the one behind its name."""
    values = assigned(script, node) if isinstance(node, cst.Name) else [node]
    calls = [v for v in values if isinstance(v, cst.Call) and builds_module(script, v)]
    return calls[0] if len(calls) == len(values) == 1 else None


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {}

    def forward(self, x):
        return torch.stack([head(x) for head in self.heads]).mean(0)


model = Net()
"""
_ALIKE = _NET.format("self.heads = nn.ModuleList({})")
_NAMED = _NET.format(
    "head = nn.Linear(4, 1)\n        self.heads = nn.ModuleList([{} for _ in range(3)])"
)


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, SeparateLayers(), "model", before, after)


MANUAL = Manual(
    name=SeparateLayers.name,
    title="A layer of its own at each place of a list",
    changes="A list that is one layer, repeated: the layer is built anew for each place, with "
    "weights of its own.",
    unsafe="Where weights are shared on purpose, as those of a recurrence.",
    references=(
        "Python documentation, Sequence types: items of a repeated sequence are not copied",
    ),
    made_for=always(SeparateLayers()),
    cases=(
        _case(
            "a list times a number",
            _ALIKE.format("[nn.Linear(4, 1)] * 3"),
            _ALIKE.format("[nn.Linear(4, 1) for _ in range(3)]"),
        ),
        _case("a name in a comprehension", _NAMED.format("head"), _NAMED.format("nn.Linear(4, 1)")),
        _case(
            "refused: each is built by itself",
            _ALIKE.format("[nn.Linear(4, 1), nn.Linear(4, 1)]"),
            None,
        ),
    ),
)
