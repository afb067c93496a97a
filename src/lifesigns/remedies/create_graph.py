"""create-graph: a derivative in the loss that the weights are trained through."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

POSITION = 4
"""Of `create_graph` among the arguments of `torch.autograd.grad`."""


@dataclass(frozen=True)
class CreateGraph(Edit):
    """`torch.autograd.grad` of inputs keeps the graph of what it gives."""

    name: ClassVar[str] = "create-graph"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name != "grad" or len(args) > POSITION or _is_for_weights(args, kwargs):
                return NotImplemented
            return torch.autograd.grad(*args, **{**kwargs, "create_graph": True})

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        calls = trained(script, script.calls_to("torch.autograd.grad"))
        without = [call for call in calls if not _creates(script, call)]
        call = one(without, "derivative without a graph", script)
        return script.keyword(call, "create_graph", "True", POSITION)


def _is_for_weights(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    given = args[1] if len(args) > 1 else kwargs.get("inputs", ())
    each = (given,) if torch.is_tensor(given) else tuple(given)
    return any(isinstance(one, nn.Parameter) for one in each)


def _creates(script: Script, call: cst.Call) -> bool:
    given = argument(call, "create_graph", POSITION)
    return given is not None and script.text(given.value) != "False"


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    t = x.clone().requires_grad_()
    slope, = torch.autograd.grad(model(t).sum(), t{})
    loss = ((slope - 1) ** 2).mean() + F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    model = "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))"
    return case(name, CreateGraph(), "loop", before, after, frame=_LOOP, model=model)


MANUAL = Manual(
    name=CreateGraph.name,
    title="A derivative in the loss with a graph of its own",
    changes="`torch.autograd.grad` by an input is called with `create_graph=True`: what it gives "
    "is a function of the weights then, and a loss of it trains them.",
    unsafe="Where the derivative is only looked at, or is to be a target: it costs memory, and "
    "the weights would be moved by it.",
    references=("PyTorch documentation, torch.autograd.grad: create_graph",),
    made_for=always(CreateGraph()),
    cases=(
        _case("a derivative without a graph", "", ", create_graph=True"),
        _case(
            "a graph that is kept for another pass only",
            ", retain_graph=True",
            ", retain_graph=True, create_graph=True",
        ),
        _case("refused: every derivative has its graph", ", create_graph=True", None),
    ),
)
