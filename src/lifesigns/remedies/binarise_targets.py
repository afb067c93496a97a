"""binarise-targets: labels of 0 and 1, where a mask has 0 and another number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from lifesigns.evidence.constant import label_beside_zero, targets_of
from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._training import loss_called
from lifesigns.remedies.testing import LOSS_LOOP, case

BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


@dataclass(frozen=True)
class BinariseTargets(Edit):
    """What a binary loss is given as target is 1 wherever it is above 0."""

    name: ClassVar[str] = "binarise-targets"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            given = {**dict(zip(("input", "target"), args, strict=False)), **kwargs}
            if name not in BINARY or not torch.is_tensor(given.get("target")):
                return NotImplemented
            given["target"] = (given["target"] > 0).to(given["input"].dtype)
            return getattr(F, name)(*args[2:], **given)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        given = argument(loss_called(script, BINARY), "target", 1)
        if given is None:
            raise Refused("the loss is not called with a target")
        text = script.text(given.value)
        if not text.endswith(" > 0).float()"):
            yield script.replaced(given.value, f"({text} > 0).float()")


def made_for(finding: Finding, trace: Trace) -> Iterator[BinariseTargets]:
    """One, where the targets of a binary loss are 0 and one other number that is not 1."""
    losses = [shot.loss for shot in trace.snapshots if shot.loss is not None]
    binary = [one for loss in losses for one in (loss, *loss.others) if one.operation in BINARY]
    targets = targets_of(binary)
    if targets is not None and label_beside_zero(targets) not in (0, 1):
        yield BinariseTargets()


# --- cases ----------------------------------------------------------------------------------------
_MASK = "mask = 2 * (y > 0.5).float()\ncriterion = nn.BCEWithLogitsLoss()"
_CALL = "F.binary_cross_entropy_with_logits(model(x), {})"


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else LOSS_LOOP.format(after)
    return case(name, BinariseTargets(), "loop", LOSS_LOOP.format(before), other, data=_MASK)


MANUAL = Manual(
    name=BinariseTargets.name,
    title="Labels of 0 and 1",
    changes="The target of a binary cross-entropy: 1 wherever it is above 0.",
    unsafe="Where a target between 0 and 1 is a probability that is meant so.",
    references=("torchvision, `ToTensor`: uint8 values are divided by 255, whatever they mean",),
    made_for=made_for,
    cases=(
        _case("a module", "criterion(model(x), mask)", "criterion(model(x), (mask > 0).float())"),
        _case("a function", _CALL.format("mask / 9"), _CALL.format("(mask / 9 > 0).float()")),
        _case("refused: two losses", f"{_CALL.format('mask')} + {_CALL.format('y')}", None),
    ),
)
