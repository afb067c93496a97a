"""weigh-terms: a term of the loss that has all the say is made smaller."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, ClassVar

import torch

from lifesigns.evidence.constant import baseline
from lifesigns.evidence.terms import terms_of
from lifesigns.records import Finding, LossReading, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._loss_value import additions, behind, compares
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned
from lifesigns.remedies._torch_names import LOSSES
from lifesigns.remedies.testing import case

SUMS = frozenset({"add", "add_", "rsub", "sub", "sub_", "subtract"})
CALLED = {"nll_loss": ("nll_loss", "cross_entropy"), "abs": ("l1_loss",)}
"""Functions whose graph has an operation of another name."""
DEEPEST = 8
"""Means, factors and views between a sum and the loss in it."""
LESS = 0.1
"""A tenth: of a factor that is not enough, or where sizes do not tell one."""
ROOM = 100
"""Penalties are about quadratic: outputs ten times as far from its minimum as those of a network
that has learned nothing cost a hundred times as much."""


@dataclass(frozen=True)
class WeighTerms(Edit):
    """In the sum that is differentiated, one side of a plus or minus counts `factor` as much."""

    name: ClassVar[str] = "weigh-terms"
    operation: str
    """By which one side is known, in the graph's words, e.g. `mse_loss`."""
    factor: float
    other: bool = False
    """Whether what stands beside it is weighed."""

    def exceeds(self, other: Edit) -> bool:
        """Whether the same term counts even less."""
        same = isinstance(other, WeighTerms) and replace(other, factor=self.factor) == self
        return same and 0 < self.factor < getattr(other, "factor", 0)

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in SUMS or len(args) != 2 or not all(map(_is_term, args)):
                return NotImplemented
            known = [_comes_from(side.grad_fn, self.operation, self.other) for side in args]
            if known.count(True) != 1:
                return NotImplemented
            place = known.index(not self.other)
            weighed = [s * self.factor if i == place else s for i, s in enumerate(args)]
            return call_again(name.rstrip("_"), *weighed, **kwargs)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        losses = CALLED.get(self.operation, (self.operation,))
        if not set(losses) <= LOSSES.keys():
            raise Refused("which term is the data's shows only in the run: it is written by hand")
        found = list(self._weighed(script, losses))
        side = one([s for s in found if not _holds(script, s, found)], "term of the loss", script)
        yield script.replaced(side, script.times(side, self.factor))

    def _weighed(self, script: Script, losses: Sequence[str]) -> Iterator[cst.BaseExpression]:
        """Of each sum with the loss on one side only, the side that is to count less."""
        for left, right in additions(script):
            firsts = assigned(script, left) if isinstance(left, cst.Name) else [left]
            known = [
                any(compares(script, first, losses) for first in firsts),
                compares(script, right, losses),
            ]
            if known.count(True) == 1:
                yield (left, right)[known.index(not self.other)]


def _holds(script: Script, side: cst.CSTNode, others: Sequence[cst.CSTNode]) -> bool:
    """Whether one of the others is a part of this side, as in `(a + b) + c`."""
    return any(n is other for n in behind(script, side) for other in others if other is not side)


def _is_term(value: Any) -> bool:
    """A number, or one for each sample, that depends on what is trained."""
    return torch.is_tensor(value) and value.dim() < 2 and value.grad_fn is not None


def _comes_from(node: Any, operation: str, through_sums: bool, depth: int = 0) -> bool:
    """Whether the value is what an operation gave, but for means, factors and perhaps sums."""
    word, name = operation.replace("_", ""), node.name().partition("Backward")[0].lower()
    below = [each for each, _ in node.next_functions if each is not None]
    if name in (word, f"{word}2d"):
        return True
    if depth == DEEPEST or (len(below) > 1 and not (through_sums and name in SUMS)):
        return False
    return any(_comes_from(each, operation, through_sums, depth + 1) for each in below)


def made_for(finding: Finding, trace: Trace) -> Iterator[WeighTerms]:
    """The term that outweighs the others; then a tenth of that."""
    readings = [shot.loss for shot in trace.snapshots if shot.loss]
    last = readings[-1] if readings else LossReading(math.nan)
    if finding.rule == "wrong-direction" and "penalty" in finding.evidence:
        yield WeighTerms(last.operation, -1.0, other=True)
    elif finding.rule == "weights-decay-away":
        if last.penalty > 0:  # of the weights: an L2 penalty that is written into the loss
            yield WeighTerms(last.operation, LESS**2, other=True)
            yield WeighTerms(last.operation, LESS**3, other=True)
    elif last.others:
        yield from _largest(readings)
    elif last.penalised:
        factor = _against_penalty(readings)
        yield WeighTerms(last.operation, _short(factor), other=True)
        yield WeighTerms(last.operation, _short(LESS * factor), other=True)


def _against_penalty(readings: Sequence[LossReading]) -> float:
    """What data can win pays for a network whose penalty is `ROOM` times the largest so far."""
    level, _ = baseline(readings)
    most = max(abs(reading.penalty) for reading in readings)
    share = level * readings[-1].scale / (ROOM * most) if most > 0 else LESS
    return share if 0 < share < LESS else LESS


def _largest(readings: Sequence[LossReading]) -> Iterator[WeighTerms]:
    """The term with most to gain, brought to the size of the others."""
    sizes = [(t.baseline * t.readings[-1].scale, t.operation) for t in terms_of(readings)]
    if len(sizes) < len(("one", "another")):
        return
    *others, (size, operation) = sorted(sizes)
    factor = median(other for other, _ in others) / size
    if operation not in [word for _, word in others] and 0 < factor < 1:
        yield WeighTerms(operation, _short(factor))
        yield WeighTerms(operation, _short(LESS * factor))


def _short(factor: float) -> float:
    return float(f"{factor:.2g}")


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
def penalty(out):
    return -0.5 * (1 + out - out.exp()).sum(1).mean()

for step in range(20):
    out = model(x)
{}    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_PENALTY = WeighTerms("mse_loss", 0.015, other=True)
_GENTLE = "optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)"
_FIT = "    fit = F.mse_loss(out, y)\n    loss = {}\n"


def _case(name: str, edit: WeighTerms, before: str, after: str | None) -> Any:
    wanted = None if after is None else _LOOP.format(after)
    return case(name, edit, "loop", _LOOP.format(before), wanted, optimizer=_GENTLE)


MANUAL = Manual(
    name=WeighTerms.name,
    title="A smaller weight for the term that has all the say",
    changes="How much one term counts in the sum that is differentiated: a penalty beside the data "
    "term, or the data term that is a sum beside means.",
    unsafe="Where the sum is a bound or a likelihood whose terms have fixed weights: weigh the "
    "other one up instead. A penalty that counts less is kept less strictly.",
    references=(
        "Higgins et al. 2017, beta-VAE: the weight of the divergence",
        "Kendall, Gal & Cipolla 2018, Multi-Task Learning Using Uncertainty to Weigh Losses",
    ),
    made_for=made_for,
    cases=(
        _case(
            "a penalty beside the data",
            _PENALTY,
            _FIT.format("fit + penalty(out)"),
            _FIT.format("fit + penalty(out) * 0.015"),
        ),
        _case(
            "a penalty that is subtracted, and differentiated as a share",
            _PENALTY,
            _FIT.format("(fit - 0.5 * out.exp().mean()) / 2"),
            _FIT.format("(fit - (0.5 * out.exp().mean()) * 0.015) / 2"),
        ),
        _case(
            "a penalty that is added afterwards",
            _PENALTY,
            _FIT.format("fit") + "    loss += penalty(out)\n",
            _FIT.format("fit") + "    loss += penalty(out) * 0.015\n",
        ),
        _case(
            "one of three losses",
            WeighTerms("abs", 0.01),
            _FIT.format("fit + F.l1_loss(out, y, reduction='sum') + penalty(out)"),
            _FIT.format("fit + F.l1_loss(out, y, reduction='sum') * 0.01 + penalty(out)"),
        ),
        _case("refused: no sum", _PENALTY, _FIT.format("fit"), None),
        _case(
            "refused: two penalties",
            _PENALTY,
            _FIT.format("fit + penalty(out) + out.exp().mean()"),
            None,
        ),
        _case(
            "refused: a data term written by hand",
            WeighTerms("pow", 0.01, other=True),
            "    loss = ((out - y) ** 2).mean() + penalty(out)\n",
            None,
        ),
    ),
)
