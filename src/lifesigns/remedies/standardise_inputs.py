"""standardise-inputs: features of mean 0 and spread 1, by a layer before the first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import nn

from lifesigns.records import Finding, Trace, UnitSums
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._training import model_name, optimizer_built, scope_of
from lifesigns.remedies.testing import OPTIMIZER, case

NORMS = {2: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}
"""The class in `torch.nn` by the number of dimensions of the input: features or channels second."""

SMALLEST = 1e-8
"""Of a variance: torch's own 1e-5 would leave features as small as 0.003 where they are."""
STILL = 0.01
"""Share of a usual variance that a feature may lack: one that never moved in training, such as a
pixel at the border, would else be blown up when it does."""
LOWER_QUARTER = 0.25


@dataclass(frozen=True)
class StandardiseInputs(Edit):
    """The first input passes a batch normalisation without weights.

    A layer standardises training and held-out samples alike, whatever the script does with them;
    it draws no random numbers and has no parameters.
    """

    name: ClassVar[str] = "standardise-inputs"
    features: int
    dimensions: int = 2
    """Of the input, the batch included."""
    smallest: float = SMALLEST
    """Added to each variance."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        norm = getattr(nn, self._norm())(self.features, eps=self.smallest, affine=False)
        first = next(run.model.parameters(), None)
        norm.to(None if first is None else first.device)

        def standardised(model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            norm.train(model.training)
            return (norm(inputs[0]), *inputs[1:]) if inputs else inputs

        return until_closed(run.model.register_forward_pre_hook(standardised))

    def _norm(self) -> str:
        if self.dimensions not in NORMS:
            raise Refused(f"inputs of {self.dimensions} dimensions have no usual normalisation")
        return NORMS[self.dimensions]

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call, model = optimizer_built(script), model_name(script)
        _refuse_other_uses(script, call, model)
        nn_ = script.spelled("torch.nn")
        norm = f"{nn_}.{self._norm()}({self.features}, eps={self.smallest}, affine=False)"
        return script.lines_before(call, f"{model} = {nn_}.Sequential({norm}, {model})")


def _refuse_other_uses(script: Script, optimizer: cst.Call, model: str) -> None:
    """Other names of the model, and its parts, would mean the model without the new layer."""
    scope = scope_of(script, optimizer)
    if not any(_sets(script, each, model) for each in script.of_kind(cst.Assign, scope)):
        raise Refused(f"{model} is not built in the function that trains it")
    for use in script.of_kind(cst.Attribute):
        if script.text(use.value) == model and not hasattr(nn.Module, use.attr.value):
            raise Refused(f"line {script.line(use)} uses {script.text(use)} of the model")
    for part in script.of_kind(cst.Subscript):
        if script.text(part.value) == model:
            raise Refused(f"line {script.line(part)} uses {script.text(part)} of the model")


def _sets(script: Script, statement: cst.Assign, name: str) -> bool:
    return any(script.text(each.target) == name for each in statement.targets)


def made_for(finding: Finding, trace: Trace) -> Iterator[StandardiseInputs]:
    """One, for the shape of the batch that was recorded."""
    batch = next((s.batch for s in trace.snapshots if s.batch), None)
    if batch is not None and len(batch.shape) in NORMS:
        yield StandardiseInputs(batch.shape[1], len(batch.shape), _smallest(batch.features))


def _smallest(features: UnitSums) -> float:
    """A power of ten, far below the variances of the features that move."""
    moving = features.variance[features.variance > 0]
    if not moving.size:
        return SMALLEST
    least = float(np.quantile(moving, LOWER_QUARTER, method="lower"))
    return float(f"1e{math.floor(math.log10(STILL * least))}")


# --- cases ----------------------------------------------------------------------------------------
_LINE = "model = nn.Sequential(nn.BatchNorm1d(4, eps=1e-08, affine=False), model)\n"
_MAIN = """
def main():
    net = nn.Linear(4, 1)
{}    optimizer = torch.optim.Adam(net.parameters())
    for step in range(20):
        loss = F.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step, loss


step, loss = main()
"""
MANUAL = Manual(
    name=StandardiseInputs.name,
    title="Inputs of mean 0 and spread 1 per feature",
    changes="What enters the model: a batch normalisation without weights stands before the first "
    "layer, and standardises by the batch in training, by running statistics in evaluation. "
    "Weights start as they did; their names get a prefix.",
    unsafe="Where batches are small or of one class, where zeros mean that something is missing, "
    "and where stored weights of the old names are loaded.",
    references=(
        "LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.3",
        "Ioffe & Szegedy 2015, Batch Normalization",
    ),
    made_for=made_for,
    cases=(
        case(
            "a model at the top of the script",
            StandardiseInputs(4),
            "optimizer",
            OPTIMIZER,
            _LINE + OPTIMIZER,
        ),
        case(
            "a model in a function",
            StandardiseInputs(4),
            "loop",
            _MAIN.format(""),
            _MAIN.format("    " + _LINE.replace("model", "net")),
            model="",
            optimizer="",
        ),
        case(
            "refused: a part of the model is used by its position",
            StandardiseInputs(4),
            "optimizer",
            "nn.init.zeros_(model[0].bias)\n" + OPTIMIZER,
            None,
        ),
        case(
            "refused: sequences",
            StandardiseInputs(4, dimensions=3),
            "optimizer",
            OPTIMIZER,
            None,
        ),
    ),
)
