"""sum-of-sizes: a penalty that adds up the sizes of weights, not the weights as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._training import PARAMETERS, trained
from lifesigns.remedies.testing import case

TOTALS = ("sum", "mean")
MATRIX = 2
"""Axes, from which on a parameter holds the weights of a layer."""


@dataclass(frozen=True)
class SumOfSizes(Edit):
    """`p.sum()` of weights becomes `p.abs().sum()`."""

    name: ClassVar[str] = "sum-of-sizes"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            is_total = name in TOTALS and len(args) == 1 and not kwargs
            if not is_total or not isinstance(args[0], nn.Parameter) or args[0].ndim < MATRIX:
                return NotImplemented
            return call_again(name, args[0].abs()) if torch.is_grad_enabled() else NotImplemented

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        calls = script.calls(lambda c: _summed(script, c) is not None)
        totals = [each for call in trained(script, calls) if (each := _summed(script, call))]
        found = [each for each in totals if _is_weight(script, each)]
        if not found:
            raise Refused("no plain sum of weights was found in the source")
        for node in found:
            end = script.span(node)[1]
            yield Change(end, end, ".abs()")


def _summed(script: Script, call: cst.Call) -> cst.BaseExpression | None:
    """What is added up as a whole, by `p.sum()` or `torch.sum(p)`."""
    if script.name(call) in {f"torch.{name}" for name in TOTALS}:
        return call.args[0].value if len(call.args) == 1 else None
    if not isinstance(call.func, cst.Attribute) or call.args:
        return None
    return call.func.value if call.func.attr.value in TOTALS else None


def _is_weight(script: Script, node: cst.BaseExpression) -> bool:
    """Whether it is `layer.weight`, or a name that goes through `model.parameters()`."""
    if isinstance(node, cst.Attribute):
        return node.attr.value == "weight"
    return isinstance(node, cst.Name) and any(
        node.value in _names(script, each.target)
        and any(script.method_calls(name, each.iter) for name in PARAMETERS)
        for each in _loops(script, node)
    )


def _loops(script: Script, node: cst.CSTNode) -> Iterator[cst.For | cst.CompFor]:
    """What a node is repeated by: loops around it, and those of a comprehension."""
    for each in script.around(node):
        if isinstance(each, cst.For):
            yield each
        elif isinstance(each, cst.BaseSimpleComp):
            yield each.for_in


def _names(script: Script, target: cst.CSTNode) -> list[str]:
    return [each.value for each in script.of_kind(cst.Name, target)]


# --- cases ----------------------------------------------------------------------------------------
_SUM = """
for step in range(20):
    penalty = {}
    loss = F.mse_loss(model(x), y) + 1e-3 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_LOOP = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
    for name, p in model.named_parameters():
        if "weight" in name:
            loss = loss + 1e-3 * {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        total = sum(p.sum() for p in model.parameters())
"""


def _case(name: str, frame: str, before: str, after: str | None) -> Any:
    return case(name, SumOfSizes(), "loop", before, after, frame=frame)


MANUAL = Manual(
    name=SumOfSizes.name,
    title="A penalty on the sizes of the weights",
    changes="What a penalty adds up: the absolute values of weights, where it added them as they "
    "are.",
    unsafe="Where the sum of weights itself is meant to be small, as where they are to add up to "
    "0.",
    references=("Tibshirani 1996, Regression shrinkage and selection via the lasso",),
    made_for=always(SumOfSizes()),
    cases=(
        _case(
            "all parameters",
            _SUM,
            "sum(p.sum() for p in model.parameters())",
            "sum(p.abs().sum() for p in model.parameters())",
        ),
        _case("a layer", _SUM, "torch.sum(model[0].weight)", "torch.sum(model[0].weight.abs())"),
        _case("a loop over names", _LOOP, "p.sum()", "p.abs().sum()"),
        _case(
            "refused: sizes already",
            _SUM,
            "sum(p.abs().sum() for p in model.parameters())",
            None,
        ),
        _case("refused: along an axis", _SUM, "model[0].weight.sum(0).abs().max()", None),
    ),
)
