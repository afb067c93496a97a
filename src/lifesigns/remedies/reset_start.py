"""reset-start: layers start with the weights that torch draws for them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import same_random_numbers
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import for_each_layer
from lifesigns.remedies.testing import case

KINDS = ("RNNBase", "RNNCellBase", "Linear")
"""Classes in `torch.nn`; every recurrent layer and cell is one of the first two."""


@dataclass(frozen=True)
class ResetStart(Edit):
    """Recurrent and linear layers draw their weights as when they were built."""

    name: ClassVar[str] = "reset-start"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        kinds = tuple(getattr(nn, kind) for kind in KINDS)
        layers = [m for m in run.model.modules() if isinstance(m, kinds)]
        if not layers:
            raise Refused("the model has no recurrent or linear layer")
        with same_random_numbers(run.model):
            for layer in layers:
                layer.reset_parameters()
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        return for_each_layer(script, KINDS, "layer.reset_parameters()")


# --- cases ----------------------------------------------------------------------------------------
_DRAWN = """\
for p in model.parameters():
    nn.init.normal_(p)
"""
_RESET = """\
for layer in model.modules():
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase, nn.Linear)):
        layer.reset_parameters()
"""
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n"
_RECURRENT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.cell(x))


model = Net()
"""
MANUAL = Manual(
    name=ResetStart.name,
    title="Weights as torch draws them",
    changes="The weights and biases of recurrent and linear layers, right before the optimizer is "
    "built: they are drawn anew as when the layers were built, whatever was done to them since.",
    unsafe="Where weights come trained, or are tied.",
    references=("PyTorch documentation, torch.nn.RNN: initialisation of the weights",),
    made_for=always(ResetStart()),
    cases=(
        case(
            "a cell",
            ResetStart(),
            "optimizer",
            _DRAWN + _OPTIMIZER,
            _DRAWN + _RESET + _OPTIMIZER,
            model=_RECURRENT,
        ),
        case(
            "linear layers",
            ResetStart(),
            "optimizer",
            _DRAWN + _OPTIMIZER,
            _DRAWN + _RESET + _OPTIMIZER,
        ),
        case(
            "refused: the optimizer is given a list",
            ResetStart(),
            "optimizer",
            "optimizer = torch.optim.SGD([model[0].weight], lr=0.1)",
            None,
        ),
    ),
)
