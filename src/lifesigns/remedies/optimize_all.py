"""optimize-all: an optimizer that has all parameters of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import optimize_too
from lifesigns.remedies._loss_value import differentiated
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._sites import assigned, following
from lifesigns.remedies._training import model_name, optimizer_built, trained
from lifesigns.remedies.testing import MODEL, OPTIMIZER, case


@dataclass(frozen=True)
class OptimizeAll(Edit):
    """The optimizer is built from `model.parameters()`, where it had a part of them."""

    name: ClassVar[str] = "optimize-all"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        optimizer = run.the_optimizer()
        there = {id(p) for group in optimizer.param_groups for p in group["params"]}
        left = [p for p in run.model.parameters() if p.requires_grad and id(p) not in there]
        optimize_too(optimizer, left)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        given = optimizer_built(script).args[0].value
        model_name(script)  # refuses everything but `….parameters()`
        part = given.func.value if isinstance(given, cst.Call) else given  # type: ignore[attr-defined]
        whole = part
        while isinstance(whole, cst.Attribute | cst.Subscript):
            whole = whole.value
        if script.text(whole) == "self":
            raise Refused("which attribute of self is the model cannot be told")
        if whole is not part:
            yield script.replaced(part, script.text(whole))
            return
        for model in _trained(script):
            if model != script.text(whole):  # of two models the optimizer was given the wrong one
                yield script.replaced(part, model)


def _trained(script: Script) -> list[str]:
    """The models whose output the loss is computed of, if the whole loss is in one place."""
    calls = [c for each in differentiated(script) for c in script.of_kind(cst.Call, each)]
    named = [c.func for c in trained(script, calls) if isinstance(c.func, cst.Name)]
    models = [name for name in named if _is_model(script, name)]
    found = list(dict.fromkeys(map(script.text, models)))
    return found if len(found) == 1 else []


def _is_model(script: Script, name: cst.Name) -> bool:
    values = assigned(script, name)
    return any(next(following(script, value, []), None) is not None for value in values)


def made_for(finding: Finding, trace: Trace) -> Iterator[OptimizeAll]:
    """One, where a parameter that the model knows of wants a gradient and is in no optimizer."""
    read = (p for shot in trace.snapshots for p in shot.parameters)
    if any(p.trainable and not p.optimized and "[" not in p.name for p in read):
        yield OptimizeAll()


# --- cases ----------------------------------------------------------------------------------------
_PART = "optimizer = torch.optim.SGD({}.parameters(), lr=0.1)"
MANUAL = Manual(
    name=OptimizeAll.name,
    title="All parameters of the model to the optimizer",
    changes="Which parameters the optimizer steps: all of the model that was given a part of; in "
    "the source, those of the model that the loss is computed of, where it had another one's.",
    unsafe="Where a part is left out on purpose: a pretrained backbone, a target network, or a "
    "second model that another optimizer trains.",
    references=("PyTorch documentation, torch.optim: constructing an optimizer",),
    made_for=made_for,
    cases=(
        case("a layer", OptimizeAll(), "optimizer", _PART.format("model[2]"), OPTIMIZER),
        case(
            "a layer within a layer",
            OptimizeAll(),
            "optimizer",
            _PART.format("model[0][0]"),
            OPTIMIZER,
            model="model = nn.Sequential(nn.Sequential(nn.Linear(4, 1)))",
        ),
        case(
            "another model than the one that is trained",
            OptimizeAll(),
            "optimizer",
            _PART.format("other"),
            OPTIMIZER,
            model=MODEL + "\nother = nn.Linear(4, 1)",
        ),
        case(
            "refused: a list",
            OptimizeAll(),
            "optimizer",
            "optimizer = torch.optim.SGD([model[2].weight], lr=0.1)",
            None,
        ),
    ),
)
