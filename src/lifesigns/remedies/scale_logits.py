"""scale-logits: a cross-entropy of cosines, divided by a temperature."""

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
from lifesigns.remedies._training import loss_called
from lifesigns.remedies.testing import case

LOSS = "cross_entropy"
TEMPERATURES = (0.1, 0.05)
"""Cosines are divided by one of these in most published contrastive losses."""


@dataclass(frozen=True)
class ScaleLogits(Edit):
    """The logits are multiplied by `factor` where the cross-entropy gets them."""

    name: ClassVar[str] = "scale-logits"
    factor: float

    def exceeds(self, other: Edit) -> bool:
        """Whether answers can be even surer."""
        return isinstance(other, ScaleLogits) and self.factor > other.factor

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name != LOSS:
                return NotImplemented
            if args:
                return F.cross_entropy(self.factor * args[0], *args[1:], **kwargs)
            return F.cross_entropy(**{**kwargs, "input": self.factor * kwargs["input"]})

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        given = argument(loss_called(script, (LOSS,)), "input", 0)
        if given is None:
            raise Refused("the loss is not called with logits")
        yield script.replaced(given.value, script.times(given.value, self.factor))


def made_for(finding: Finding, trace: Trace) -> Iterator[ScaleLogits]:
    """As if the cosines were divided by a usual temperature; the finding says what they are now."""
    scale = finding.evidence.get("scale", 0.0)
    last = next((s.loss for s in reversed(trace.snapshots) if s.loss), None)
    if finding.rule == "cosines-without-scale" and scale > 0 and last and not last.handwritten:
        for temperature in TEMPERATURES:
            yield ScaleLogits(float(f"{1 / (temperature * scale):.2g}"))


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
pairs = torch.arange(64)
{}
for step in range(20):
    a, b = F.normalize(model(x)), F.normalize(model(x + 0.1))
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
MANUAL = Manual(
    name=ScaleLogits.name,
    title="Cosines divided by a temperature",
    changes="The logits where a cross-entropy gets them: their order stays, and so does whatever "
    "else reads them.",
    unsafe="Where the probabilities are to be careful on purpose, and where a factor that learns "
    "would only be slower: then start that one larger.",
    references=("Wu et al. 2018, Unsupervised Feature Learning via Non-Parametric Discrimination",),
    made_for=made_for,
    cases=(
        case(
            "a product in the call",
            ScaleLogits(10.0),
            "loop",
            _LOOP.format("", "F.cross_entropy(a @ b.T, pairs)"),
            _LOOP.format("", "F.cross_entropy((a @ b.T) * 10, pairs)"),
        ),
        case(
            "a module",
            ScaleLogits(200.0),
            "loop",
            _LOOP.format("likelihood = nn.CrossEntropyLoss()", "likelihood(a.mm(b.T), pairs)"),
            _LOOP.format(
                "likelihood = nn.CrossEntropyLoss()", "likelihood(a.mm(b.T) * 200, pairs)"
            ),
        ),
        case(
            "refused: both ways",
            ScaleLogits(10.0),
            "loop",
            _LOOP.format("", "F.cross_entropy(a @ b.T, pairs) + F.cross_entropy(b @ a.T, pairs)"),
            None,
        ),
    ),
)
