"""weigh-by-missing: a likelihood weighted by what its probability lacks of 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

POWERS = frozenset({"pow", "__pow__", "float_power"})


@dataclass(frozen=True)
class WeighByMissing(Edit):
    """A probability raised to `power`, as the weight of its likelihood, becomes what it lacks."""

    name: ClassVar[str] = "weigh-by-missing"
    power: float
    """The exponent, usually called gamma."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if self.power == 1:
            raise Refused("a product says nothing of which factor is the weight")

        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            exponent = args[1] if len(args) > 1 else kwargs.get("exponent")
            if name not in POWERS or exponent != self.power or not _is_share(args[0]):
                return NotImplemented
            return (1 - args[0]) ** self.power

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        bases = [
            base for base, exponent in _powers(script) if self._is_meant(script, base, exponent)
        ]
        base = one(trained(script, bases), f"power of {self.power:g}", script)
        if not _is_missing(script, base):
            yield script.replaced(base, f"(1 - {script.text(base)})")

    def _is_meant(self, script: Script, base: cst.CSTNode, exponent: cst.BaseExpression) -> bool:
        """Whether the exponent may be this one, and the base no number."""
        given: list[cst.CSTNode] = [exponent]
        if isinstance(exponent, cst.Name):
            given = [*assigned(script, exponent)]
        numbers = [float(n.value) for n in given if isinstance(n, cst.Integer | cst.Float)]
        is_number = isinstance(base, cst.Integer | cst.Float)
        return not is_number and (not numbers or self.power in numbers)


def _powers(script: Script) -> Iterator[tuple[cst.BaseExpression, cst.BaseExpression]]:
    """What is raised, and to what: `p ** gamma`, `p.pow(gamma)` and `torch.pow(p, gamma)`."""
    for node in script.of_kind(cst.BinaryOperation):
        if isinstance(node.operator, cst.Power):
            yield node.left, node.right
    for call in script.of_kind(cst.Call):
        if script.name(call) == "torch.pow" and len(call.args) > 1:
            yield call.args[0].value, call.args[1].value
        elif isinstance(call.func, cst.Attribute) and call.func.attr.value == "pow" and call.args:
            yield call.func.value, call.args[0].value


def _is_missing(script: Script, base: cst.BaseExpression) -> bool:
    """Whether it is one less something already."""
    if not isinstance(base, cst.BinaryOperation) or not isinstance(base.operator, cst.Subtract):
        return False
    return script.text(base.left) in ("1", "1.0", "1.")


def _is_share(value: Any) -> bool:
    """Whether a tensor has a gradient and lies between 0 and 1."""
    if not torch.is_tensor(value) or not value.requires_grad or not value.numel():
        return False
    least, most = value.detach().aminmax()
    return bool(least >= 0) and bool(most <= 1)


def made_for(finding: Finding, trace: Trace) -> Iterator[WeighByMissing]:
    """By the power that was found."""
    power = finding.evidence.get("power", 0.0)
    if finding.rule == "likelihood-weighs-itself" and power > 0:
        yield WeighByMissing(power)


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(dim=1))"
_LABELS = "labels = x[:, :3].argmax(1)"
_LOOP = """
gamma = 2
for step in range(20):
    nll = F.nll_loss(model(x), labels, reduction="none")
    p = torch.exp(-nll)
    loss = ({} * nll).mean() + 1e-4 * model[0].weight.norm() ** {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None, penalty: int = 3) -> Any:
    other = None if after is None else _LOOP.format(after, penalty)
    given = _LOOP.format(before, penalty)
    return case(name, WeighByMissing(2.0), "loop", given, other, data=_LABELS, model=_MODEL)


MANUAL = Manual(
    name=WeighByMissing.name,
    title="A likelihood weighted by what its probability lacks of 1",
    changes="What is raised to the power of a focal loss: `p ** gamma` becomes "
    "`(1 - p) ** gamma`. The likelihood itself stays.",
    unsafe="Where samples that are sure already are to count most on purpose: then detach the "
    "weight instead.",
    references=("Lin et al. 2017, Focal Loss for Dense Object Detection (ICCV), section 3.2",),
    made_for=made_for,
    cases=(
        _case("an exponent with a name", "p ** gamma", "(1 - p) ** gamma"),
        _case("a method, of an expression", "(-nll).exp().pow(2)", "(1 - (-nll).exp()).pow(2)"),
        _case("a function", "torch.pow(p, 2.0)", "torch.pow((1 - p), 2.0)"),
        _case("refused: two powers of this kind", "p ** gamma", None, penalty=2),
    ),
)
