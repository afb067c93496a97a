"""minimise: training that goes down, where the optimizer or the loss was turned round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._loss_value import compares, differentiated
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import optimizer_built
from lifesigns.remedies.testing import OPTIMIZER, case

OPTIMIZING, LOSS = "optimizer", "loss"


@dataclass(frozen=True)
class Minimise(Edit):
    """`maximize=True` becomes `maximize=False`, or a loss loses the minus before it."""

    name: ClassVar[str] = "minimise"
    of: str = OPTIMIZING
    """What was turned round: `optimizer` or `loss`."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if self.of == LOSS:
            return Answering(_negated)
        upward = [g for g in run.the_optimizer().param_groups if g.get("maximize")]
        if not upward:
            raise Refused("the optimizer minimises already")
        for group in upward:
            group["maximize"] = False
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        if self.of == LOSS:
            yield _without_minus(script, one(_minuses(script), "minus before the loss", script))
            return
        given = argument(optimizer_built(script), "maximize")
        if given is None:
            raise Refused("the optimizer is not told to maximise")
        if script.text(given.value) != "False":
            yield script.replaced(given.value, "False")


def _negated(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The value that is differentiated, with the other sign: any optimizer then goes down."""
    if name != "backward" or not args:
        return NotImplemented
    if torch.is_tensor(args[0]):
        negative: Any = -args[0]
        return negative.backward(*args[1:], **kwargs)
    return torch.autograd.backward(tuple(-each for each in args[0]), *args[1:], **kwargs)


def _minuses(script: Script) -> list[cst.UnaryOperation]:
    """Each minus between the call of backward and a loss that compares."""
    return [
        node
        for node in differentiated(script)
        if isinstance(node, cst.UnaryOperation)
        and isinstance(node.operator, cst.Minus)
        and (compares(script, node.expression) or _is_factor(script, node))
    ]


def _is_factor(script: Script, minus: cst.UnaryOperation) -> bool:
    """Whether it stands before a number that the loss is multiplied by, as in `-1 * loss`."""
    above = next(script.around(minus))
    number = isinstance(minus.expression, cst.BaseNumber)
    return number and isinstance(above, cst.BinaryOperation) and compares(script, above)


def _without_minus(script: Script, minus: cst.UnaryOperation) -> Change:
    """Brackets that only the minus asked for go with it."""
    text, above = script.text(minus.expression), next(script.around(minus))
    if isinstance(above, cst.Attribute) and isinstance(minus.expression, cst.Name | cst.Call):
        return Change(script.span(above)[0], script.span(above.attr)[0], f"{text}.")
    start, _ = script.span(minus)
    return Change(start, script.span(minus.expression)[0] - len(minus.expression.lpar), "")


def made_for(finding: Finding, trace: Trace) -> Iterator[Minimise]:
    """Of a loss whose factor is negative the loss, of steps along the gradient the optimizer."""
    scales = [shot.loss.scale for shot in trace.snapshots if shot.loss]
    if any(scale < 0 for scale in scales):
        yield Minimise(LOSS)
    elif "penalty" not in finding.evidence:
        yield Minimise()


# --- cases ----------------------------------------------------------------------------------------
_UP = "optimizer = torch.optim.SGD(model.parameters(), {}lr=1e-3)"
_LOOP = """
for step in range(20):
    optimizer.zero_grad()
    loss = {}
    {}.backward()
    optimizer.step()
"""
_FUNCTION = """
def cost(out):
    fit = {}F.mse_loss(out, y)
    return fit - 0.1 * out.abs().mean()

"""
MANUAL = Manual(
    name=Minimise.name,
    title="Go down along the gradient, not up",
    changes="The direction in which training goes: `maximize` of the optimizer, or the minus "
    "before a loss that compares outputs with targets.",
    unsafe="Where the value that is differentiated is a reward or a likelihood, which is to grow, "
    "or where one part of the network is trained against another.",
    references=("PyTorch documentation, torch.optim: maximize",),
    made_for=made_for,
    cases=(
        case(
            "a keyword",
            Minimise(),
            "optimizer",
            _UP.format("maximize=True, "),
            _UP.format("maximize=False, "),
        ),
        case(
            "an expression",
            Minimise(),
            "optimizer",
            "up = True\n" + _UP.format("maximize=up, "),
            "up = True\n" + _UP.format("maximize=False, "),
        ),
        case(
            "a minus before the loss",
            Minimise(LOSS),
            "loop",
            _LOOP.format("-F.mse_loss(model(x), y)", "loss"),
            _LOOP.format("F.mse_loss(model(x), y)", "loss"),
            optimizer=_UP.format(""),
        ),
        case(
            "a minus where it is differentiated, and brackets for it",
            Minimise(LOSS),
            "loop",
            "mse = nn.MSELoss()\n" + _LOOP.format("mse(model(x), y)", "(-loss)"),
            "mse = nn.MSELoss()\n" + _LOOP.format("mse(model(x), y)", "loss"),
            optimizer=_UP.format(""),
        ),
        case(
            "a negative factor",
            Minimise(LOSS),
            "loop",
            _LOOP.format("-0.5 * F.mse_loss(model(x), y)", "loss"),
            _LOOP.format("0.5 * F.mse_loss(model(x), y)", "loss"),
            optimizer=_UP.format(""),
        ),
        case(
            "a minus in a function, beside one of another term",
            Minimise(LOSS),
            "loop",
            _FUNCTION.format("-") + _LOOP.format("cost(model(x))", "loss"),
            _FUNCTION.format("") + _LOOP.format("cost(model(x))", "loss"),
            optimizer=_UP.format(""),
        ),
        case("refused: it goes down already", Minimise(), "optimizer", OPTIMIZER, None),
        case(
            "refused: two signs, of which either could be wrong",
            Minimise(LOSS),
            "loop",
            _LOOP.format("-F.mse_loss(model(x), y)", "(-(-loss))"),
            None,
        ),
    ),
)
