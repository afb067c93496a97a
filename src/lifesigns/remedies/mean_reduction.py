"""mean-reduction: a loss that is averaged over the batch instead of added up."""

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
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._sites import assigned
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._training import KNOWN_LOSSES, backward_called, trained
from lifesigns.remedies.testing import case

NAMES = tuple(
    name for loss in KNOWN_LOSSES for name in (f"torch.nn.functional.{loss}", module_name(loss))
)


@dataclass(frozen=True)
class MeanReduction(Edit):
    """`reduction="sum"`, or `.sum()` at the end of a loss, becomes the mean."""

    name: ClassVar[str] = "mean-reduction"
    handwritten: bool = False

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if self.handwritten:
            raise Refused("which of the sums is the loss shows in the source only")

        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in KNOWN_LOSSES or kwargs.get("reduction") != "sum":
                return NotImplemented
            return getattr(F, name)(*args, **{**kwargs, "reduction": "mean"})

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        losses = trained(script, script.calls_to(*NAMES))
        summed = [call for call in losses if _reduces_by_sum(script, call)]
        if summed:
            given = argument(one(summed, "sum", script), "reduction")
            assert given is not None
            yield script.replaced(given.value, '"mean"')
        else:
            yield self._of_hand(script)

    def _of_hand(self, script: Script) -> Change:
        """The `.sum()` whose result is the loss."""
        call = backward_called(script)
        loss = call.func.value if isinstance(call.func, cst.Attribute) else call
        values = assigned(script, loss) if isinstance(loss, cst.Name) else [loss]
        sums = [v for v in values if isinstance(v, cst.Call) and _is_sum(script, v)]
        found = one(sums, "sum that ends the loss", script).func
        assert isinstance(found, cst.Attribute)
        return script.replaced(found.attr, "mean")


def _reduces_by_sum(script: Script, call: cst.Call) -> bool:
    given = argument(call, "reduction")
    return given is not None and script.text(given.value) in ('"sum"', "'sum'")


def _is_sum(script: Script, call: cst.Call) -> bool:
    """`value.sum()` or `torch.sum(value)`, over everything."""
    over = 1 if script.name(call) == "torch.sum" else 0
    is_sum = isinstance(call.func, cst.Attribute) and call.func.attr.value == "sum"
    return is_sum and len(call.args) == over


def made_for(finding: Finding, trace: Trace) -> Iterator[MeanReduction]:
    """One, of the kind of the run's loss."""
    reading = next((s.loss for s in trace.snapshots if s.loss), None)
    yield MeanReduction(bool(reading and reading.handwritten))


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
{}
for step in range(20):
    optimizer.zero_grad()
    loss = {}
    loss.backward()
    optimizer.step()
"""
_GENTLE = "for group in optimizer.param_groups:\n    group['lr'] = 1e-3\n"
MANUAL = Manual(
    name=MeanReduction.name,
    title="A loss that is averaged over the batch",
    changes="How the loss is reduced to one number: the mean over all elements instead of the sum.",
    unsafe="Where terms are weighed against one another as sums, as in a variational autoencoder, "
    "or where the rate was chosen for the sum: it may then be too low.",
    references=("Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.1",),
    made_for=made_for,
    cases=(
        case(
            "a function",
            MeanReduction(),
            "loop",
            _LOOP.format(_GENTLE, "F.mse_loss(model(x), y, reduction='sum')"),
            _LOOP.format(_GENTLE, 'F.mse_loss(model(x), y, reduction="mean")'),
        ),
        case(
            "a module",
            MeanReduction(),
            "loop",
            _LOOP.format(_GENTLE + 'mse = nn.MSELoss(reduction="sum")', "mse(model(x), y)"),
            _LOOP.format(_GENTLE + 'mse = nn.MSELoss(reduction="mean")', "mse(model(x), y)"),
        ),
        case(
            "written by hand",
            MeanReduction(handwritten=True),
            "loop",
            _LOOP.format(_GENTLE, "((model(x) - y) ** 2).sum()"),
            _LOOP.format(_GENTLE, "((model(x) - y) ** 2).mean()"),
        ),
        case(
            "refused: a sum of two terms",
            MeanReduction(handwritten=True),
            "loop",
            _LOOP.format(_GENTLE, "((model(x) - y) ** 2).sum() + model(x).abs().sum()"),
            None,
        ),
    ),
)
