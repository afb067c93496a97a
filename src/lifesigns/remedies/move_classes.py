"""move-classes: classes go to the end before a view makes rows of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._script import Change, Script, cst, one, receiver_of
from lifesigns.remedies._training import trained
from lifesigns.remedies.samples_first import VIEWS
from lifesigns.remedies.testing import case

MOVED = ".movedim(1, -1)"
CLASSES = 1
"""The dimension in which a convolution lays them."""


@dataclass(frozen=True)
class MoveClasses(Edit):
    """A view that makes rows of the classes is taken behind a `movedim`."""

    name: ClassVar[str] = "move-classes"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in VIEWS or kwargs or not torch.is_tensor(args[0]):
                return NotImplemented
            scores, sizes = args[0], args[1:]
            if not _makes_rows(scores.shape, sizes) or not scores.requires_grad:
                return NotImplemented
            return scores.movedim(CLASSES, -1).flatten(0, -2)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        calls = trained(script, [c for name in VIEWS for c in script.method_calls(name)])
        found = [of for call in calls if (of := _viewed(script, call))]
        scores = one(found, "view that makes rows of classes", script)
        if not script.text(scores).endswith(MOVED):
            call = next(c for c in calls if _viewed(script, c) is scores)
            end, width = script.span(scores)[1], script.text(call.args[1].value)
            yield Change(end, script.span(call)[1], f"{MOVED}.reshape(-1, {width})")


def _makes_rows(given: Sequence[int], sizes: Sequence[Any]) -> bool:
    """Whether an image becomes rows that are as long as its dimension 1."""
    wanted = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else tuple(sizes)
    return len(given) > 2 and len(wanted) == 2 and wanted[1] == given[CLASSES]


def _viewed(script: Script, call: cst.Call) -> cst.BaseExpression | None:
    """What a view such as `scores.view(-1, classes)` is taken of."""
    sizes = [script.text(arg.value) for arg in call.args]
    is_rows = len(sizes) == 2 and sizes[0] == "-1" and sizes[1] != "1"
    found = (receiver_of(call, name) for name in VIEWS)
    return next((of for of in found if of is not None), None) if is_rows else None


# --- cases ----------------------------------------------------------------------------------------
_DATA = "signal, label = torch.randn(16, 4, 6), torch.randint(0, 3, (16, 6))"
_MODEL = "model = nn.Conv1d(4, 3, 1)"
_LOOP = """
for step in range(20):
    scores = model(signal)
    loss = F.cross_entropy({}, label.view(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    parts = {"data": _DATA, "model": _MODEL}
    return case(name, MoveClasses(), "loop", _LOOP.format(before), other, **parts)


MANUAL = Manual(
    name=MoveClasses.name,
    title="Rows of classes, not of places",
    changes="A view that makes rows of the scores in training: the dimension of the classes goes "
    "to the end before it.",
    unsafe="Where dimension 1 holds something else that happens to be as many.",
    references=("PyTorch, `nn.CrossEntropyLoss`: input of shape (N, C, d1, ..., dK)",),
    made_for=always(MoveClasses()),
    cases=(
        _case("a view", "scores.view(-1, 3)", "scores.movedim(1, -1).reshape(-1, 3)"),
        _case(
            "a width by name",
            "scores.reshape(-1, scores.shape[1])",
            "scores.movedim(1, -1).reshape(-1, scores.shape[1])",
        ),
        _case("refused: no rows", "scores.transpose(1, 2).flatten(0, 1)", None),
    ),
)
