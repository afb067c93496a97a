"""ignore-padding: a loss of classes that leaves out the targets at padding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_with
from lifesigns.remedies._script import Change, Script, one
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._training import loss_named
from lifesigns.remedies.testing import loss_case

LOSSES = ("cross_entropy", "nll_loss")
GIVEN = "ignore_index"
POSITION = 4
"""Of the class that is ignored among the arguments of the function."""
BUILT = 2
"""The module of a loss is not given output and target: all comes so many positions earlier."""


@dataclass(frozen=True)
class IgnorePadding(Edit):
    """The targets of this class do not count."""

    name: ClassVar[str] = "ignore-padding"
    padding: int

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            target = args[1] if len(args) > 1 else kwargs.get("target")
            is_of_classes = isinstance(target, Tensor) and not target.is_floating_point()
            if name not in LOSSES or not is_of_classes:
                return NotImplemented
            return call_with(self.padding, GIVEN, POSITION, name, args, kwargs)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        losses = [call for name in LOSSES for call in loss_named(script, name)]
        call = one(losses, "loss of classes", script)
        is_built = script.name(call) in map(module_name, LOSSES)
        return script.keyword(call, GIVEN, str(self.padding), POSITION - BUILT * is_built)


def made_for(finding: Finding, trace: Trace) -> Iterator[IgnorePadding]:
    """The class that all padding has, and no word."""
    if (padding := finding.evidence.get("class", -1)) >= 0:
        yield IgnorePadding(int(padding))


# --- cases ----------------------------------------------------------------------------------------
_DATA = "words = torch.randint(1, 9, (64, 4)) * (torch.arange(4) < 2)\ntags = words % 3\n{}"
_MODEL = "model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 3))"
_ROWS = "model(words).flatten(0, 1), tags.flatten()"


def _case(name: str, criterion: str, loss: str, before: str, after: str | None) -> Any:
    return loss_case(name, IgnorePadding(0), _MODEL, _DATA, criterion, loss, before, after)


_BUILT = "criterion = nn.CrossEntropyLoss({})"
_CALL = f"F.cross_entropy({_ROWS}{{}})"
_LOGS = "F.nll_loss(model(words).mT.log_softmax(1), tags{})"
_TWICE = f"F.cross_entropy({_ROWS}) + F.cross_entropy({_ROWS})"
MANUAL = Manual(
    name=IgnorePadding.name,
    title="A loss that leaves padding out",
    changes="The class whose targets a cross-entropy, or a likelihood of classes, leaves out: the "
    "one that the targets at padding have, and no word has. Its mean is over the others.",
    unsafe="Where the end of a sequence is to be predicted, and the token that fills up is the "
    "only one that says so. What is predicted at padding is then anything.",
    references=("PyTorch documentation, torch.nn.CrossEntropyLoss: ignore_index",),
    made_for=made_for,
    cases=(
        _case("a module", _BUILT, f"criterion({_ROWS})", "", "ignore_index=0"),
        _case(
            "a module that is told another class",
            _BUILT,
            f"criterion({_ROWS})",
            "None, None, -1",
            "None, None, 0",
        ),
        _case("a function", "", _CALL, "", ", ignore_index=0"),
        _case("logarithms", "", _LOGS, ", reduction='mean'", ", reduction='mean', ignore_index=0"),
        _case("refused: two losses", "", "{}", _TWICE, None),
    ),
)
