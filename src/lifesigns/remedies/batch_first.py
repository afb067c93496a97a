"""batch-first: a recurrence or attention that is told which axis is the batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn
from torch.nn.modules import module as modules

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies.testing import case

POSITIONS = {
    "torch.nn.RNN": 5,
    "torch.nn.GRU": 4,
    "torch.nn.LSTM": 4,
    "torch.nn.MultiheadAttention": 8,
    "torch.nn.TransformerEncoderLayer": 6,
    "torch.nn.TransformerDecoderLayer": 6,
    "torch.nn.Transformer": 10,
}
"""Where `batch_first` stands among the arguments, by the class."""
KINDS = (
    *(nn.RNNBase, nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoder),
    *(nn.TransformerEncoderLayer, nn.TransformerDecoder, nn.TransformerDecoderLayer),
)


@dataclass(frozen=True)
class BatchFirst(Edit):
    """Every recurrence and attention takes `[batch, time, features]`; states keep their layout."""

    name: ClassVar[str] = "batch-first"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def tell(module: nn.Module, _inputs: Any) -> None:
            if isinstance(module, KINDS):  # before it asks the layers it holds
                _say(module)

        _say(run.model)
        return until_closed(modules.register_module_forward_pre_hook(tell))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        silent = [call for call in script.calls_to(*POSITIONS) if not _says(script, call)]
        call = one(silent, "layer that takes time first", script)
        return script.keyword(call, "batch_first", "True", POSITIONS[script.name(call)])


def _say(root: nn.Module) -> None:
    for module in root.modules():
        if getattr(module, "batch_first", None) is False:
            setattr(module, "batch_first", True)  # noqa: B010 (mypy: a tensor or module)


def _says(script: Script, call: cst.Call) -> bool:
    given = argument(call, "batch_first", POSITIONS[script.name(call)])
    return given is not None and script.text(given.value) == "True"


def made_for(finding: Finding, trace: Trace) -> Iterator[BatchFirst]:
    """One, where the finding says that time and batch were mistaken for one another."""
    if any(remedy.edit == BatchFirst.name for remedy in finding.remedies):
        yield BatchFirst()


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.{}
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        h = self.cell(x.view(-1, 2, 2))
        return self.head(h[0][:, -1])


model = Net()
"""
_ATTENTION = """
layer = nn.TransformerEncoderLayer({})
model = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.TransformerEncoder(layer, 1), nn.Flatten())
model.append(nn.Linear(4, 1))
"""
MANUAL = Manual(
    name=BatchFirst.name,
    title="The batch as the first axis of a recurrence or attention",
    changes="Which axis of input and output a layer takes for time. States that it is given or "
    "gives back stay `[layers, batch, units]`.",
    unsafe="Where another place is given the data of time first, or reads the output so.",
    references=("PyTorch documentation, torch.nn.GRU: batch_first",),
    made_for=made_for,
    cases=(
        case(
            "a recurrence",
            BatchFirst(),
            "model",
            _NET.format("cell = nn.GRU(2, 8)"),
            _NET.format("cell = nn.GRU(2, 8, batch_first=True)"),
        ),
        case(
            "an attention that says otherwise, by position",
            BatchFirst(),
            "model",
            _ATTENTION.format("2, 1, 8, 0.0, 'relu', 1e-5, False"),
            _ATTENTION.format("2, 1, 8, 0.0, 'relu', 1e-5, True"),
        ),
        case(
            "a name that says otherwise",
            BatchFirst(),
            "model",
            "early = False\n" + _NET.format("cell = nn.LSTM(2, 8, batch_first=early)"),
            "early = False\n" + _NET.format("cell = nn.LSTM(2, 8, batch_first=True)"),
        ),
        case(
            "refused: two recurrences",
            BatchFirst(),
            "model",
            _NET.format("cell = nn.GRU(2, 8)\n        self.other = nn.RNN(2, 8)"),
            None,
        ),
    ),
)
