"""train-parameters: parameters that were frozen are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import optimize_too
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class TrainParameters(Edit):
    """The parameters of these names get gradients, and the optimizer has them."""

    name: ClassVar[str] = "train-parameters"
    parameters: tuple[str, ...]

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        named = dict(run.model.named_parameters())
        if missing := [name for name in self.parameters if name not in named]:
            raise Refused(f"the model has no parameter {missing[0]}")
        for name in self.parameters:
            named[name].requires_grad_(True)
        if run.optimizer is not None:
            there = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
            new = [named[name] for name in self.parameters if id(named[name]) not in there]
            optimize_too(run.optimizer, new)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        frozen = [value for value in _switches(script) if script.text(value) == "False"]
        yield script.replaced(one(frozen, "place that freezes", script), "True")


def _switches(script: Script) -> Iterator[cst.CSTNode]:
    """What `requires_grad` is set to, in each of the ways to do so."""
    for statement in script.of_kind(cst.Assign):
        target = statement.targets[0].target
        if isinstance(target, cst.Attribute) and target.attr.value == "requires_grad":
            yield statement.value
    for call in script.of_kind(cst.Call):
        method = isinstance(call.func, cst.Attribute) and call.func.attr.value == "requires_grad_"
        given = argument(call, "requires_grad", 0 if method else -1)
        if given is not None:
            yield given.value


def made_for(finding: Finding, trace: Trace) -> Iterator[TrainParameters]:
    """All parameters that did not want a gradient."""
    read = {p.name: p for snapshot in trace.snapshots for p in snapshot.parameters}
    read.update({p.name: p for p in trace.unreached})
    frozen = tuple(name for name, p in read.items() if not p.trainable)
    if frozen:
        yield TrainParameters(frozen)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = "for p in model[0].parameters():\n    {}\n"
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)"
_FIRST = TrainParameters(("0.weight", "0.bias"))


def _case(name: str, before: str, after: str | None) -> Any:
    """With a loop over the first layer."""
    behind = None if after is None else _LOOP.format(after) + _OPTIMIZER
    return case(name, _FIRST, "optimizer", _LOOP.format(before) + _OPTIMIZER, behind)


MANUAL = Manual(
    name=TrainParameters.name,
    title="Train what was frozen",
    changes="Which parameters get a gradient, and with it a step.",
    unsafe="Where they come trained and are to stay so.",
    references=("PyTorch documentation, Autograd mechanics: requires_grad",),
    made_for=made_for,
    cases=(
        _case("a method", "p.requires_grad_(False)", "p.requires_grad_(True)"),
        _case("an assignment", "p.requires_grad = False", "p.requires_grad = True"),
        _case(
            "refused: two places freeze",
            "p.requires_grad = False\nmodel[2].bias.requires_grad_(False)",
            None,
        ),
    ),
)
