"""optimize-all: an optimizer that has all parameters of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import optimize_too
from lifesigns.remedies._loss_value import differentiated
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._sites import assigned, builds_module, following
from lifesigns.remedies._training import (
    OPTIMIZERS,
    assigned_name,
    model_name,
    models_given,
    scope_of,
    trained,
)
from lifesigns.remedies.testing import MODEL, OPTIMIZER, case


@dataclass(frozen=True)
class OptimizeAll(Edit):
    """The optimizer is built from `model.parameters()`, where it had a part of them.

    A layer that takes another one's place afterwards is added to it.
    """

    name: ClassVar[str] = "optimize-all"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        optimizer = run.the_optimizer()
        there = {id(p) for group in optimizer.param_groups for p in group["params"]}
        left = [p for p in run.model.parameters() if p.requires_grad and id(p) not in there]
        optimize_too(optimizer, left)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        late = list(_replaced_later(script))
        yield from late
        if late and len(script.calls_to(*OPTIMIZERS)) > 1:
            return
        model_name(script)  # refuses everything but `….parameters()`
        part, *_ = models_given(script)
        whole = _whole(part)
        if script.text(whole) == "self":
            raise Refused("which attribute of self is the model cannot be told")
        if whole is not part:
            yield script.replaced(part, script.text(whole))
        elif not late:
            for model in _trained(script):
                if model != script.text(whole):  # the optimizer was given another model
                    yield script.replaced(part, model)


def _whole(part: cst.BaseExpression) -> cst.BaseExpression:
    """`model` for `model.body[0]`."""
    while isinstance(part, cst.Attribute | cst.Subscript):
        part = part.value
    return part


def _replaced_later(script: Script) -> Iterator[Change]:
    """Gives layers that others make room for to the last optimizer built of their model before."""
    built = [call for call in script.calls_to(*OPTIMIZERS) if assigned_name(script, call)]
    holders = {
        statement: holder
        for statement in script.of_kind(cst.Assign)
        if isinstance(statement.value, cst.Call) and builds_module(script, statement.value)
        if (holder := _holder(script, statement.targets[0].target, built)) is not None
    }
    for statement in script.narrowed(list(holders)):
        place, name = statement.targets[0].target, assigned_name(script, holders[statement])
        added = f'{name}.add_param_group({{"params": {script.text(place)}.parameters()}})'
        yield from script.lines_after(statement, added)


def _holder(
    script: Script, place: cst.BaseAssignTargetExpression, built: Sequence[cst.Call]
) -> cst.Call | None:
    """The last of the optimizers that was built before of the model that has this place."""
    model = script.text(_whole(place))
    before = [c for c in built if script.line(c) < script.line(place)]
    own = [c for c in before if scope_of(script, c) is scope_of(script, place)]
    of_it = [
        c for c in own if any(script.text(_whole(m)) == model for m in models_given(script, c))
    ]
    return of_it[-1] if of_it and model != script.text(place) else None


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
    changes="Which parameters the optimizer steps: all of the model that was given a part of, and "
    "those of a layer that takes another one's place afterwards; in the source, those of the model "
    "that the loss is computed of, where it had another one's.",
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
            "a part that is unpacked",
            OptimizeAll(),
            "optimizer",
            "optimizer = torch.optim.SGD([*model[2].parameters()], lr=0.1)",
            "optimizer = torch.optim.SGD([*model.parameters()], lr=0.1)",
        ),
        case(
            "a layer that is replaced afterwards",
            OptimizeAll(),
            "optimizer",
            f"{OPTIMIZER}\nmodel[2] = nn.Linear(8, 1)  # another head",
            f"{OPTIMIZER}\nmodel[2] = nn.Linear(8, 1)  # another head\n"
            'optimizer.add_param_group({"params": model[2].parameters()})',
        ),
        case(
            "a layer that is replaced between two optimizers",
            OptimizeAll(),
            "optimizer",
            f"rough = torch.optim.SGD(model.parameters(), lr=0.5)\nmodel[2] = nn.Linear(8, 1)\n"
            f"{OPTIMIZER}\nmodel[2] = nn.Linear(8, 1)  # another head",
            "rough = torch.optim.SGD(model.parameters(), lr=0.5)\nmodel[2] = nn.Linear(8, 1)\n"
            'rough.add_param_group({"params": model[2].parameters()})\n'
            f"{OPTIMIZER}\nmodel[2] = nn.Linear(8, 1)  # another head\n"
            'optimizer.add_param_group({"params": model[2].parameters()})',
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
