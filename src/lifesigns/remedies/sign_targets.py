"""sign-targets: targets of -1 and 1 for a loss that takes signs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch.nn import functional as F

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._torch_names import SIGNED
from lifesigns.remedies._training import loss_called
from lifesigns.remedies.testing import case

POSITIONS = {
    "cosine_embedding_loss": 2,
    "hinge_embedding_loss": 1,
    "margin_ranking_loss": 2,
    "soft_margin_loss": 1,
}
"""By the loss: where its target stands."""


@dataclass(frozen=True)
class SignTargets(Edit):
    """Targets of 0 and 1 are given to `loss` as -1 and 1."""

    name: ClassVar[str] = "sign-targets"
    loss: str
    """A name in `torch.nn.functional`."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name != self.loss:
                return NotImplemented
            place = POSITIONS[name]
            if "target" in kwargs:
                kwargs = {**kwargs, "target": 2 * kwargs["target"] - 1}
            else:
                args = (*args[:place], 2 * args[place] - 1, *args[place + 1 :])
            return getattr(F, name)(*args, **kwargs)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        given = argument(loss_called(script, (self.loss,)), "target", POSITIONS[self.loss])
        if given is None:
            raise Refused("the loss is not called with a target")
        twice = script.text(given.value).startswith("2 * ")
        if not twice:
            bare = script.times(given.value, 2).removesuffix(" * 2")
            yield script.replaced(given.value, f"2 * {bare} - 1")


def made_for(finding: Finding, trace: Trace) -> Iterator[SignTargets]:
    """One, for a loss of torch's own."""
    last = next((s.loss for s in reversed(trace.snapshots) if s.loss), None)
    if last is not None and last.operation in SIGNED:
        yield SignTargets(last.operation)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
{}
for step in range(20):
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_BUILT = "labels = (y > 0.5).float()\nmargin = nn.SoftMarginLoss()"
_PAIRS = "alike = (y > 0.5).flatten()"
MANUAL = Manual(
    name=SignTargets.name,
    title="Targets of -1 and 1 for a loss that takes signs",
    changes="The target in the call of the loss: 0 becomes -1, and 1 stays.",
    unsafe="Where 0 is there to leave a sample out, or some targets are -1 already.",
    references=("PyTorch documentation: CosineEmbeddingLoss and SoftMarginLoss, targets",),
    made_for=made_for,
    cases=(
        case(
            "a module",
            SignTargets("soft_margin_loss"),
            "loop",
            _LOOP.format(_BUILT, "margin(model(x), labels)"),
            _LOOP.format(_BUILT, "margin(model(x), 2 * labels - 1)"),
        ),
        case(
            "a function of pairs, whose target is computed there",
            SignTargets("cosine_embedding_loss"),
            "loop",
            _LOOP.format(_PAIRS, "F.cosine_embedding_loss(model(x), model(-x), alike + 0)"),
            _LOOP.format(
                _PAIRS, "F.cosine_embedding_loss(model(x), model(-x), 2 * (alike + 0) - 1)"
            ),
        ),
        case(
            "refused: two losses of this kind",
            SignTargets("soft_margin_loss"),
            "loop",
            _LOOP.format(_BUILT, "margin(model(x), labels) + margin(model(-x), labels)"),
            None,
        ),
    ),
)
