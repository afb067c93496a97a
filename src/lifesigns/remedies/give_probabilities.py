"""give-probabilities: a sigmoid or softmax behind the network, for a loss of probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.records import WEIGHTED, Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import in_scope, model_name, trained
from lifesigns.remedies.testing import case

CLASSES = 1
"""The dimension of the classes, over which probabilities sum to 1."""


@dataclass(frozen=True)
class GiveProbabilities(Edit):
    """In training the output of the model passes `by`, a function of torch."""

    name: ClassVar[str] = "give-probabilities"
    by: str = "sigmoid"
    """`sigmoid` for each class by itself, or `softmax` for classes that exclude one another."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def probabilities(_model: Any, _inputs: Any, output: Any) -> Any:
            if not torch.is_tensor(output) or not torch.is_grad_enabled():
                return output
            return output.sigmoid() if self.by == "sigmoid" else output.softmax(CLASSES)

        return until_closed(run.model.register_forward_hook(probabilities))

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        model = model_name(script)
        calls = trained(script, script.calls(lambda call: script.text(call.func) == model))
        call = one(calls, "call of the model in training", script)
        in_scope(script, call)
        function = script.spelled(f"torch.{self.by}")
        outer = next((n for n in script.around(call) if isinstance(n, cst.Call)), None)
        if outer is None or script.text(outer.func) != function:
            classes = "" if self.by == "sigmoid" else f", dim={CLASSES}"
            yield script.replaced(call, f"{function}({script.text(call)}{classes})")


def made_for(finding: Finding, trace: Trace) -> Iterator[GiveProbabilities]:
    """A softmax over several classes, which a mask usually tells apart; or a sigmoid for each."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    layers = graph.of_kind(*WEIGHTED) if graph else ()
    last = [i for i in layers if graph and not graph.leads_to(i, WEIGHTED)]
    if graph and len(last) == 1 and graph.sites[last[0]].units > 1:
        yield GiveProbabilities("softmax")
    yield GiveProbabilities("sigmoid")


# --- cases ----------------------------------------------------------------------------------------
_DICE = """
def overlap(p, mask):
    return (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)


mask = (x[:, :1] > 0).float()
"""
_LOOP = """
for step in range(20):
    out = {}
    loss = 1 - overlap(out, mask)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(overlap((model(x) > 0).float(), mask))
"""


def _case(name: str, by: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, GiveProbabilities(by), "loop", _LOOP.format(before), other, data=_DICE)


MANUAL = Manual(
    name=GiveProbabilities.name,
    title="Probabilities for the loss, by a sigmoid or softmax",
    changes="What the model gives in training: each output passes a sigmoid, or all classes a "
    "softmax. Where it is only evaluated it gives what it gave.",
    unsafe="Where another term of the loss takes the raw outputs, such as a cross-entropy: then "
    "write it into the one term that takes probabilities.",
    references=("Milletari, Navab & Ahmadi 2016, V-Net (3DV): the Dice loss",),
    made_for=made_for,
    cases=(
        _case("a sigmoid", "sigmoid", "model(x)", "torch.sigmoid(model(x))"),
        _case("a softmax", "softmax", "model(x)", "torch.softmax(model(x), dim=1)"),
        _case("refused: the model is called twice", "sigmoid", "model(x) + model(-x)", None),
    ),
)
