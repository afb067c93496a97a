"""swap-loss: the loss that fits what the output is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch.nn import functional as F

from lifesigns.evidence.output import is_normalised
from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._training import loss_named
from lifesigns.remedies.testing import case

FITTING = {
    ("logits-as-probabilities", "binary_cross_entropy"): "binary_cross_entropy_with_logits",
    ("logits-as-probabilities", "nll_loss"): "cross_entropy",
    ("output-cannot-reach-target", "binary_cross_entropy"): "mse_loss",
    ("doubled-sigmoid", "binary_cross_entropy_with_logits"): "binary_cross_entropy",
    ("squared-error-on-saturated-output", "mse_loss"): "binary_cross_entropy",
    ("single-unit-softmax", "binary_cross_entropy"): "binary_cross_entropy_with_logits",
    ("softmax-for-several-labels", "cross_entropy"): "binary_cross_entropy_with_logits",
    ("non-finite-origin", "binary_cross_entropy"): "binary_cross_entropy_with_logits",
}
"""By the rule that found it and the loss that was used: the one that takes the same arguments."""


@dataclass(frozen=True)
class SwapLoss(Edit):
    """The loss `given` becomes `wanted`; both are names in `torch.nn.functional`."""

    name: ClassVar[str] = "swap-loss"
    given: str
    wanted: str

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        wanted = getattr(F, self.wanted)

        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name != self.given:
                return NotImplemented
            shared = {k: v for k, v in kwargs.items() if k in ("input", "target", "reduction")}
            return wanted(*args[:2], **shared)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        call = one(loss_named(script, self.given), f"loss {self.given}", script)
        built = script.name(call) == module_name(self.given)
        self._refuse_settings(script, call, positional=0 if built else 2)
        home = module_name(self.wanted) if built else f"torch.nn.functional.{self.wanted}"
        yield script.replaced(call.func, script.spelled(home))

    def _refuse_settings(self, script: Script, call: cst.Call, positional: int) -> None:
        """What another loss would take for something else."""
        for number, arg in enumerate(call.args):
            known = arg.keyword is not None and arg.keyword.value == "reduction"
            if not known and number >= positional:
                raise Refused(f"{self.wanted} may not take {script.text(arg.value)}")


def made_for(finding: Finding, trace: Trace) -> Iterator[SwapLoss]:
    """The loss that fits, if the one of the run has a counterpart."""
    shot = next((s for s in reversed(trace.snapshots) if s.loss), None)
    if shot is None or shot.loss is None or shot.loss.handwritten:
        return
    given = shot.loss.operation
    wanted = FITTING.get((finding.rule, given))
    if wanted and not (given == "nll_loss" and is_normalised(shot)):  # log-input keeps its softmax
        yield SwapLoss(given, wanted)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
{}
for step in range(20):
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(F.mse_loss(model(x), y))
"""
_LOGITS = SwapLoss("binary_cross_entropy", "binary_cross_entropy_with_logits")
_SAFE = SwapLoss("mse_loss", "binary_cross_entropy_with_logits")
MANUAL = Manual(
    name=SwapLoss.name,
    title="The loss that fits what the output is",
    changes="Which loss is computed in training, with the same output and target. A loss that is "
    "only evaluated stays.",
    unsafe="Values of different losses cannot be compared: judge by accuracy or another measure. "
    "What reads the output, such as a threshold, may have to change with it.",
    references=("Bishop 1995, Neural Networks for Pattern Recognition, sections 6.6 to 6.9",),
    made_for=made_for,
    cases=(
        case(
            "a function, beside one that evaluates",
            _SAFE,
            "loop",
            _LOOP.format("", "F.mse_loss(model(x), y, reduction='mean')"),
            _LOOP.format("", "F.binary_cross_entropy_with_logits(model(x), y, reduction='mean')"),
        ),
        case(
            "a module",
            _SAFE,
            "loop",
            _LOOP.format("criterion = nn.MSELoss()", "criterion(model(x), y)"),
            _LOOP.format("criterion = nn.BCEWithLogitsLoss()", "criterion(model(x), y)"),
        ),
        case(
            "refused: a setting that another loss may not know",
            _LOGITS,
            "loop",
            _LOOP.format("criterion = nn.BCELoss(weight=torch.ones(1))", "criterion(model(x), y)"),
            None,
        ),
        case(
            "refused: two losses of this kind",
            _SAFE,
            "loop",
            _LOOP.format("", "F.mse_loss(model(x), y) + F.mse_loss(model(-x), y)"),
            None,
        ),
    ),
)
