"""scale-scores: scores of attention, divided by the square root of how many products they add up.

The source is changed where a softmax is given a product of two tensors. What it is multiplied by is
turned round if it is a root; nothing is written where another factor stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lifesigns.evidence.output import normalised_dim
from lifesigns.records import Finding, Kind, Site, Trace
from lifesigns.remedies._called_on import called_on
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import (
    call_again,
    calls_changed,
    is_module_of,
    submodule,
    until_closed,
)
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._sites import assigned, call_of, paired
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._training import assigned_name, scope_of
from lifesigns.remedies.testing import case, site

LOWEST = -1e4
"""Scores below are those of a mask."""
DEEPEST = 6
"""How many names and calls are followed."""
PRODUCTS = ("matmul", "bmm")
TRANSPOSED = ("transpose", "swapaxes", "t")
FACTORS = (cst.Multiply, cst.Divide)
SCALING = ("mul", "mul_", "multiply", "div", "div_", "divide")


@dataclass(frozen=True)
class ScaleScores(Edit):
    """What these softmaxes, written in one place, are given is divided by the root of its width."""

    name: ClassVar[str] = "scale-scores"
    sites: tuple[Site, ...]

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        stack = ExitStack()
        for each in self.sites:
            scaled = _Scaled(normalised_dim(each) - max(len(each.shape), 1))
            if is_module_of(run.model, each):
                module = submodule(run.model, each.module)
                hook = module.register_forward_pre_hook(lambda _, given, by=scaled: by(given[0]))
                stack.enter_context(until_closed(hook))
            else:
                stack.enter_context(calls_changed(run.model, [each], scaled.softmax))
        return stack

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        calls = [call_of(script, each, places.get(each.name)) for each in self.sites]
        given = _given(script, one(list(dict.fromkeys(calls)), "softmax", script))
        found = list(_products(script, given))
        product = one(list(dict.fromkeys(p for p, _ in found)), "product of a softmax", script)
        scales = dict.fromkeys(scale for _, passed in found for scale in passed)
        if not scales:
            yield _divided(script, product)
        for scale in scales:
            if _power(script, scale) > 0:
                yield _turned_round(script, scale)


# --- in a live run --------------------------------------------------------------------------------
class _Scaled:
    """Divides scores by the deviation that they have when they are seen first, if it is above 1."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._by = 0.0

    def __call__(self, scores: Tensor) -> Tensor:
        if not self._by:
            seen = scores.detach()
            seen = seen.masked_fill(~(seen > LOWEST), torch.nan)
            deviations = (seen - seen.nanmean(self._dim, keepdim=True)).square().nanmean().sqrt()
            self._by = max(1.0, float(deviations.nan_to_num(1.0)))
        return scores / self._by

    def softmax(self, scores: Tensor) -> Any:
        """The softmax of the scores, divided."""
        return call_again("softmax", self(scores), self._dim)


# --- in the source --------------------------------------------------------------------------------
def _given(script: Script, softmax: cst.Call) -> cst.CSTNode:
    """What a softmax is given: a function, a method, or a module that is called in one place."""
    if script.name(softmax) == module_name("softmax"):
        name = assigned_name(script, softmax)
        calls = script.calls(lambda call: bool(name) and script.text(call.func) == name)
        softmax = one(calls, "call of the softmax", script)
    elif below := called_on(script, softmax):
        return below[0]
    given = argument(softmax, "input", 0)
    if given is None:
        raise Refused(f"line {script.line(softmax)} does not say what the softmax is given")
    return given.value


def _products(
    script: Script,
    node: cst.CSTNode,
    passed: tuple[cst.BinaryOperation, ...] = (),
    depth: int = 0,
) -> Iterator[tuple[cst.BaseExpression, tuple[cst.BinaryOperation, ...]]]:
    """The products that scores are made of, and what they are multiplied by or divided by."""
    if depth > DEEPEST:
        return
    if isinstance(node, cst.BaseExpression) and _sides(script, node):
        yield node, passed
        return
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, FACTORS):
        passed = (*passed, node)
    for below in _below(script, node):
        yield from _products(script, below, passed, depth + 1)


def _below(script: Script, node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    if isinstance(node, cst.Name):
        _refuse_in_place(script, node)
        return assigned(script, node)
    if isinstance(node, cst.BinaryOperation):
        return [node.left, node.right]
    if not isinstance(node, cst.Call):
        return []
    if isinstance(node.func, cst.Attribute) and node.func.attr.value in SCALING:
        raise Refused(f"line {script.line(node)} scales the scores already")
    if script.name(node) == "torch.where":
        return [arg.value for arg in node.args[1:]]
    return called_on(script, node)


def _refuse_in_place(script: Script, name: cst.Name) -> None:
    for each in script.of_kind(cst.AugAssign, scope_of(script, name)):
        is_scale = isinstance(each.operator, cst.MultiplyAssign | cst.DivideAssign)
        if is_scale and script.text(each.target) == name.value:
            raise Refused(f"line {script.line(each)} scales the scores already")


def _sides(script: Script, node: cst.BaseExpression) -> list[tuple[cst.BaseExpression, int]]:
    """The factors of a sum of products, each with the axis over which it adds up."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.MatrixMultiply):
        return _of_matrices(script, node.left, node.right)
    if not isinstance(node, cst.Call):
        return []
    name, given = _function(script, node), [arg.value for arg in node.args]
    operands = [*called_on(script, node), *given[script.name(node).startswith("torch.") :]]
    if name in PRODUCTS and len(operands) > 1:
        return _of_matrices(script, operands[0], operands[1])
    if name == "einsum" and isinstance(given[0], cst.SimpleString):
        return _of_letters(str(given[0].evaluated_value), given[1:])
    if name == "sum" and isinstance(operands[0], cst.BinaryOperation):
        is_last = [script.text(each) for each in operands[1:]] == ["-1"]
        if is_last and isinstance(operands[0].operator, cst.Multiply):
            return [(operands[0].left, -1), (operands[0].right, -1)]
    return []


def _function(script: Script, call: cst.Call) -> str:
    """The last name of a function of torch, or of a method of tensors."""
    named = script.text(call.func).rpartition(".")[2]
    return named if called_on(script, call) else ""


def _of_matrices(
    script: Script, left: cst.BaseExpression, right: cst.BaseExpression
) -> list[tuple[cst.BaseExpression, int]]:
    """The left one's last axis; and that of what the right one is the transposed of."""
    sides = [(left, -1)]
    if isinstance(right, cst.Attribute) and right.attr.value in ("T", "mT"):
        sides.append((right.value, -1))
    if isinstance(right, cst.Call) and _function(script, right) in TRANSPOSED:
        sides.append((called_on(script, right)[0], -1))
    return sides


def _of_letters(
    equation: str, operands: Sequence[cst.BaseExpression]
) -> list[tuple[cst.BaseExpression, int]]:
    """Where the one letter stands that two factors share and the result has not."""
    given, _, result = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(operands) or len(terms) != len(("left", "right")):
        return []
    shared = set(terms[0]) & set(terms[1]) - set(result) - {"."}
    if not result or len(shared) != 1:
        return []
    letter = shared.pop()
    axes = (term.index(letter) - len(term) for term in terms)
    return list(zip(operands, axes, strict=True))


def _divided(script: Script, product: cst.BaseExpression) -> Change:
    """The product over the root of its width, of the first factor that has a name."""
    named = cst.Name | cst.Attribute | cst.Subscript
    sides = [(side, axis) for side, axis in _sides(script, product) if isinstance(side, named)]
    if not sides:
        raise Refused(f"line {script.line(product)} gives no factor of the scores a name")
    side, axis = sides[0]
    text = f"{script.text(product)} / {script.text(side)}.size({axis}) ** 0.5"
    above = next(script.around(product))
    is_factor = isinstance(above, cst.BinaryOperation) and isinstance(above.operator, FACTORS)
    is_part = is_factor or isinstance(above, cst.Attribute | cst.UnaryOperation)
    return script.replaced(product, f"({text})" if is_part and not product.lpar else text)


def _power(script: Script, scale: cst.BinaryOperation) -> int:
    """1 of scores that are multiplied by a root, -1 of those that are divided by one.

    Raises:
        Refused: It is another factor.
    """
    sides = [_root(script, side) for side in (scale.left, scale.right)]
    power = sides[1] or (sides[0] if isinstance(scale.operator, cst.Multiply) else 0)
    if not power:
        raise Refused(f"line {script.line(scale)} scales the scores already")
    return power if isinstance(scale.operator, cst.Multiply) else -power


def _root(script: Script, node: cst.CSTNode, depth: int = 0) -> int:
    """1 of a square root, -1 of its inverse, 0 of anything else."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Power):
        return {"0.5": 1, "1 / 2": 1, "-0.5": -1}.get(script.text(node.right), 0)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
        is_inverse = script.text(node.left) in ("1", "1.0")
        return -_root(script, node.right, depth) if is_inverse else 0
    if isinstance(node, cst.Call):
        called = script.text(node.func).rpartition(".")[2]
        return {"sqrt": 1, "rsqrt": -1}.get(called, 0)
    values = [
        value
        for each in script.of_kind(cst.Assign)
        for name, value in paired(each.targets[0].target, each.value)
        if script.text(name) == script.text(node)
    ]
    roots = {_root(script, value, depth + 1) for value in values if depth < DEEPEST}
    return roots.pop() if len(roots) == 1 else 0


def _turned_round(script: Script, scale: cst.BinaryOperation) -> Change:
    """The same root on the other side of the fraction."""
    operator, scores, root = " / ", scale.left, scale.right
    if isinstance(scale.operator, cst.Divide):
        operator = " * "
    elif not _root(script, root):
        scores, root = root, scores
    texts = [f"({script.text(s)})" if s.lpar else script.text(s) for s in (scores, root)]
    if root is scale.left and isinstance(scores, cst.BinaryOperation) and not scores.lpar:
        texts[0] = f"({texts[0]})"
    return script.replaced(scale, operator.join(texts))


def made_for(finding: Finding, trace: Trace) -> Iterator[ScaleScores]:
    """One for the softmax that was found, and those at the same place in other layers."""
    if all(remedy.edit != ScaleScores.name for remedy in finding.remedies):
        return
    for shot in trace.snapshots:
        sites = [s for s in shot.graph.sites if s.operation == "softmax"]
        for found in (each for each in sites if each.name == finding.site):
            yield ScaleScores(tuple(each for each in sites if _layer(each) == _layer(found)))
            return


def _layer(softmax: Site) -> tuple[str, int]:
    """Its module without the number of the layer, and which call it is."""
    return re.sub(r"\d+", "", softmax.module), softmax.call


# --- cases ----------------------------------------------------------------------------------------
_CLASS = """
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(1, 8), nn.Linear(1, 8), nn.Linear(1, 1)
        self.softmax, self.scale = nn.Softmax(2), 8**0.5

    def forward(self, x):
        q, k, v = (layer(x.unsqueeze(2)) for layer in (self.q, self.k, self.v))
        {}
        return (shares @ v).mean(1)


model = Reader()
"""
_SITE = site(":softmax#0", Kind.SOFTMAX)
_MASKED = """scores = torch.einsum("bqd,bkd->bqk", q, k){}
        scores = scores.masked_fill(torch.eye(4) > 0, -1e9)
        shares = torch.softmax(scores, -1)"""
_MODULE = "shares = self.softmax(q.matmul(k.mT) {} self.scale)"


def _case(name: str, before: str, after: str | None, where: Site = _SITE) -> Any:
    return case(name, ScaleScores((where,)), "model", before, after, frame=_CLASS)


MANUAL = Manual(
    name=ScaleScores.name,
    title="Scores over the root of their width",
    changes="What a softmax is given within the network: a sum of products is divided by the "
    "square root of how many they are, and a root that it is multiplied by is turned round. A live "
    "run does not see the width: there the scores of the first step get a deviation of 1.",
    unsafe="Where the scores are large because they were learned before.",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.2.1",),
    made_for=made_for,
    cases=(
        _case(
            "a product of matrices",
            "shares = (q @ k.transpose(1, 2)).softmax(-1)",
            "shares = (q @ k.transpose(1, 2) / q.size(-1) ** 0.5).softmax(-1)",
        ),
        _case(
            "a sum of letters, and a mask",
            _MASKED.format(""),
            _MASKED.format(" / q.size(-1) ** 0.5"),
        ),
        _case(
            "a sum of products",
            "shares = F.softmax((q[:, :, None] * k[:, None]).sum(dim=-1), -1)",
            "shares = F.softmax((q[:, :, None] * k[:, None]).sum(dim=-1) "
            "/ q[:, :, None].size(-1) ** 0.5, -1)",
        ),
        _case(
            "a module, and a root that is turned round",
            _MODULE.format("*"),
            _MODULE.format("/"),
            site("softmax:softmax#0", Kind.SOFTMAX),
        ),
        _case(
            "a root before the product",
            "shares = (8**0.5 * (q @ k.mT)).softmax(-1)",
            "shares = ((q @ k.mT) / 8**0.5).softmax(-1)",
        ),
        _case("refused: another factor", "shares = (q @ k.mT * 3.0).softmax(-1)", None),
        _case("refused: no product", "shares = (q + k)[..., :4].softmax(-1)", None),
        _case("refused: no name", "shares = (self.q(x[..., None]) @ (k + 0).mT).softmax(-1)", None),
    ),
)
