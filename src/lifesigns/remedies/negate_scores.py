"""negate-scores: a minus before the distances that a softmax takes for scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import loss_calls, trained
from lifesigns.remedies.testing import case

LOSS, LOGARITHM = "cross_entropy", "log_softmax"


@dataclass(frozen=True)
class NegateScores(Edit):
    """The cross-entropy, or the logarithm of the softmax, is given minus its scores."""

    name: ClassVar[str] = "negate-scores"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in (LOSS, LOGARITHM):
                return NotImplemented
            if args:
                return call_again(name, -args[0], *args[1:], **kwargs)
            return call_again(name, **{**kwargs, "input": -kwargs["input"]})

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        functions = [f"torch.{LOGARITHM}", f"torch.special.{LOGARITHM}"]
        logarithms = script.calls_to(*functions, f"torch.nn.functional.{LOGARITHM}")
        methods = [c for c in script.method_calls(LOGARITHM) if c not in logarithms]
        known = [*loss_calls(script, (LOSS,)), *trained(script, [*logarithms, *methods])]
        call = one(known, "softmax of scores in training", script)
        given = argument(call, "input", 0)
        scores = None if given is None else given.value
        of_method = call in methods
        if of_method and isinstance(call.func, cst.Attribute):
            scores = call.func.value
        if scores is None or _is_negative(scores):
            return
        text = script.text(scores)
        plain = isinstance(scores, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
        negative = f"-{text}" if plain or scores.lpar else f"-({text})"
        yield script.replaced(scores, f"({negative})" if of_method else negative)


def _is_negative(scores: cst.BaseExpression) -> bool:
    return isinstance(scores, cst.UnaryOperation) and isinstance(scores.operator, cst.Minus)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
places = torch.arange(64)
{}
for step in range(20):
    a, b = model(x), model(x + 0.1)
    d = torch.cdist(a, b)
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(torch.cdist(model(x), model(x + 0.1)).log_softmax(1).argmin(1))
"""


def _case(name: str, before: str, after: str | None, built: str = "") -> Any:
    rewritten = None if after is None else _LOOP.format(built, after)
    return case(name, NegateScores(), "loop", _LOOP.format(built, before), rewritten)


MANUAL = Manual(
    name=NegateScores.name,
    title="A minus before distances",
    changes="The scores where the cross-entropy, or the logarithm of the softmax, gets them in "
    "training. Whatever else reads the distances stays.",
    unsafe="Where a class is meant to be the one that is furthest away; and where another loss in "
    "the same place takes scores that are none.",
    references=("Snell, Swersky & Zemel 2017, Prototypical Networks, equation 2",),
    made_for=always(NegateScores()),
    cases=(
        _case("a name", "F.cross_entropy(d, places)", "F.cross_entropy(-d, places)"),
        _case(
            "an expression, and a module",
            "likelihood(d * d / 0.5, places)",
            "likelihood(-(d * d / 0.5), places)",
            built="likelihood = nn.CrossEntropyLoss()",
        ),
        _case(
            "a softmax by its name",
            "F.nll_loss(F.log_softmax(d, dim=1), places)",
            "F.nll_loss(F.log_softmax(-d, dim=1), places)",
        ),
        _case(
            "a method",
            "F.nll_loss(d.square().log_softmax(1), places)",
            "F.nll_loss((-d.square()).log_softmax(1), places)",
        ),
        _case(
            "refused: both ways",
            "F.cross_entropy(d, places) + F.cross_entropy(d.T, places)",
            None,
        ),
    ),
)
