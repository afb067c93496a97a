"""name-blank: the last class is the blank of a CTC loss whose labels begin at 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_with
from lifesigns.remedies._script import Change, Script, one
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._training import loss_named
from lifesigns.remedies.testing import loss_case

LOSS = "ctc_loss"
POSITION = 4
"""Of `blank` among the arguments of the function; it is the first one of the module."""


@dataclass(frozen=True)
class NameBlank(Edit):
    """The blank is this class."""

    name: ClassVar[str] = "name-blank"
    blank: int

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name != LOSS:
                return NotImplemented
            return call_with(self.blank, "blank", POSITION, name, args, kwargs)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = one(loss_named(script, LOSS), "CTC loss", script)
        position = 0 if script.name(call) == module_name(LOSS) else POSITION
        return script.keyword(call, "blank", str(self.blank), position)


def made_for(finding: Finding, trace: Trace) -> Iterator[NameBlank]:
    """The last class, where labels of the blank stand between others, and do not fill up."""
    shapes = [shot.loss.input_shape for shot in trace.snapshots if shot.loss is not None]
    if finding.evidence.get("inside") and shapes and shapes[-1]:
        yield NameBlank(shapes[-1][-1] - 1)


# --- cases ----------------------------------------------------------------------------------------
_DATA = "words = torch.randint(0, 3, (64, 2))\nlong, short = [4] * 64, [2] * 64\n{}"
_MODEL = "model = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (4, 4)), nn.LogSoftmax(2))"
_ROWS = "model(x).transpose(0, 1), words, long, short"


def _case(name: str, criterion: str, loss: str, before: str, after: str | None) -> Any:
    return loss_case(name, NameBlank(3), _MODEL, _DATA, criterion, loss, before, after)


_BUILT = "criterion = nn.CTCLoss({})"
_CALL = f"F.ctc_loss({_ROWS}{{}})"
_TWICE = f"F.ctc_loss({_ROWS}) + F.ctc_loss({_ROWS})"
MANUAL = Manual(
    name=NameBlank.name,
    title="The last class as the blank",
    changes="The class that a CTC loss takes for the blank between labels: the last one.",
    unsafe="Where the last class is a label, too. What reads the answers has to leave out the same "
    "class.",
    references=("Graves et al. 2006, Connectionist Temporal Classification, section 3.1",),
    made_for=made_for,
    cases=(
        _case("a module that is told nothing", _BUILT, f"criterion({_ROWS})", "", "blank=3"),
        _case("a function", "", _CALL, ", blank=0", ", blank=3"),
        _case("refused: two losses", "", "{}", _TWICE, None),
    ),
)
