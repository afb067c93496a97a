"""add-starts: fields that look up one table begin where the one before ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from lifesigns.evidence import Run
from lifesigns.evidence.fields import fields_of
from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned, class_of
from lifesigns.remedies._training import models_given
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class AddStarts(Edit):
    """The first number of each field is added to what the model is given, `[samples, fields]`."""

    name: ClassVar[str] = "add-starts"
    starts: tuple[int, ...]

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def add(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if len(given) != 1 or not torch.is_tensor(given[0]) or not self._fits(given[0]):
                return None
            return (given[0] + torch.tensor(self.starts, device=given[0].device),)

        return until_closed(run.model.register_forward_pre_hook(add))

    def _fits(self, given: torch.Tensor) -> bool:
        return given.dim() == 2 and given.shape[1] == len(self.starts)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        forward = one(_forwards(script), "forward of the model", script)
        parameters = forward.params
        alone = len(parameters.params) == 2 and not parameters.kwonly_params
        if not alone or parameters.star_kwarg or isinstance(parameters.star_arg, cst.Param):
            raise Refused("the model is not given the fields alone")
        if not isinstance(forward.body, cst.IndentedBlock):
            raise Refused(f"line {script.line(forward)} has no room for another statement")
        x, tensor = parameters.params[1].name.value, script.spelled("torch.tensor")
        line = f"{x} = {x} + {tensor}({[*self.starts]}, device={x}.device)"
        first, *others = forward.body.body
        is_told = forward.get_docstring() is not None and others
        return script.lines_before(others[0] if is_told else first, line)


def _forwards(script: Script) -> list[cst.FunctionDef]:
    """That of the class of each model that the optimizer trains."""
    owners: dict[cst.ClassDef, None] = {}
    for model in models_given(script):
        built = assigned(script, model) if isinstance(model, cst.Name) else ()
        owners |= {owner: None for node in built if (owner := class_of(script, node))}
    return [
        function
        for owner in owners
        for function in script.of_kind(cst.FunctionDef, owner)
        if function.name.value == "forward"
    ]


def made_for(finding: Finding, trace: Trace) -> Iterator[AddStarts]:
    """One, where the model is given the fields of one table, of which all values were seen."""
    for stream in Run.of(trace).streams:
        found = [*fields_of(stream)]
        if len(found) == 1 and found[0].given and found[0].are_complete:
            yield AddStarts(found[0].starts)
            return


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(12, 8), nn.Linear(8, 1)

{}


model = Net()
"""
_LOOP = """
fields = torch.stack([torch.arange(64) % 7, torch.arange(64) % 5], 1)
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model(fields), y)
    loss.backward()
    optimizer.step()
"""
_HEAD = "    def forward(self, x):\n"
_TOLD = '        """The score of each sample."""\n'
_STARTS = "        x = x + torch.tensor([0, 7], device=x.device)\n"
_SUM = "        return self.head(self.table(x).sum(1))"


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, AddStarts((0, 7)), "model", before, after, frame=_NET, loop=_LOOP)


MANUAL = Manual(
    name=AddStarts.name,
    title="Fields with rows of their own",
    changes="What the model is given, at the beginning of its `forward`: to the numbers of each "
    "field, a column, the number of values of all fields before it is added. These are the values "
    "that were seen, which fill the table.",
    unsafe="Where a column is read as a number as well, or looked up in a table of its own.",
    references=("Rendle 2010, Factorization Machines",),
    made_for=made_for,
    cases=(
        _case("a sum of two fields", _HEAD + _SUM, _HEAD + _STARTS + _SUM),
        _case("a docstring", _HEAD + _TOLD + _SUM, _HEAD + _TOLD + _STARTS + _SUM),
        _case(
            "refused: another input",
            "    def forward(self, x, dense=0):\n" + _SUM + " + dense",
            None,
        ),
        _case(
            "refused: a body in the same line",
            "    def forward(self, x): return self.head(self.table(x).sum(1))",
            None,
        ),
    ),
)
