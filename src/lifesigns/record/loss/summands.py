"""The terms a loss is a sum of, with the factor each is multiplied by.

The walk goes down from the root through sums, means and constant factors. A term computed from
parameters alone is a penalty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor, pattern
from lifesigns.record.loss.sources import PASSING, numel, source
from lifesigns.records import Shape

BUILT_IN = {
    "NllLoss": "nll_loss",
    "NllLoss2D": "nll_loss",
    "MseLoss": "mse_loss",
    "BinaryCrossEntropy": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogits": "binary_cross_entropy_with_logits",
    "HuberLoss": "huber_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "SoftMarginLoss": "soft_margin_loss",
    "MultiMarginLoss": "multi_margin_loss",
    "MultilabelMarginLoss": "multilabel_margin_loss",
}
"""torch's losses with a node of their own; the others are made of simpler operations."""

OF_NUMBERS = frozenset({"HuberLoss", "MseLoss", "SmoothL1Loss"})
"""Those of them that compare numbers."""

LOGARITHMS = frozenset({"Log", "LogSoftmax", "LogSigmoid"})
PICKING = frozenset({"Gather", "Index"})


@dataclass(frozen=True)
class Term:
    """One summand of the loss."""

    node: int
    factor: float
    """What every element of the term is multiplied by."""
    form: str
    """`built_in`, `squared`, `absolute`, `log` (a target times a logarithm), `picked` (the
    logarithm of each sample's own class), a word of `composed.pattern`, or `other`."""
    weight: Tensor | None = None
    """What each element is multiplied by, where that is data: a mask, or importances."""


class Penalty(NamedTuple):
    """A summand of the loss that depends on parameters alone."""

    node: int
    factor: float
    """What it is multiplied by."""


@dataclass
class Terms:
    """What a loss is a sum of."""

    found: list[Term] = field(default_factory=list)
    penalties: list[Penalty] = field(default_factory=list)
    penalised: bool = False
    """Whether something else is added: a penalty on parameters, or a constant."""


def terms_of(walked: Walk, condensed: Condensed) -> Terms:
    """The terms of all roots, depth first, left to right; constant factors at a root undone.

    Args:
        walked: The graph of the loss.
        condensed: Its sites, and which nodes depend on parameters alone.
    """
    terms = Terms()
    stack = [(root, 1.0 / root_factor(walked.nodes[root])) for root in reversed(walked.roots)]
    while stack:
        i, factor = stack.pop()
        if i < 0 or i in condensed.weight_like:
            terms.penalised = True
            terms.penalties.append(Penalty(i, factor))
            continue
        composed = pattern(walked, i)
        below = None if composed else parts_of(walked, i, factor)
        if below is None:
            terms.found.append(Term(i, factor, composed) if composed else _term(walked, i, factor))
            continue
        if walked.names[i] in ("Add", "Sub", "Rsub") and len(below) < 2:
            terms.penalised = True
        stack.extend(reversed(below))
    return terms


def reaches_weights(walked: Walk, i: int) -> bool:
    """Whether a node depends on any parameter, and not on data that takes gradients alone.

    Args:
        walked: The graph of the loss.
        i: Index of the node.
    """
    queue, seen = [i], {i}
    while queue:
        for j in walked.inputs[queue.pop()]:
            if j is None or j in seen:
                continue
            if j >= 0:
                seen.add(j)
                queue.append(j)
            elif isinstance(walked.leaves[-1 - j], nn.Parameter):
                return True
    return False


def root_factor(node: Any) -> float:
    """The factor between the loss passed to `backward` and the loss it was scaled from.

    Gradient scaling, or accumulation over micro-batches: always positive, as a sign belongs to what
    is minimised. A factor right above a plain sum belongs to the loss (a hand-written mean).

    Args:
        node: The autograd node of the loss that was passed to `backward`.

    Returns:
        Positive and finite; 1 where there is no factor.
    """
    name = node.name()
    if not name.startswith(("MulBackward", "DivBackward")):
        return 1.0
    below = next((n for n, _ in node.next_functions if n is not None), None)
    others = [n for n, _ in node.next_functions[1:] if n is not None]
    factor = _constant(node)
    if below is None or others or factor in (None, 0.0):
        return 1.0
    if below.name().startswith(("SumBackward", "NegBackward")):
        return 1.0
    size = abs(float(factor))
    if not math.isfinite(size):
        return 1.0
    return size if name.startswith("Mul") else 1.0 / size


def residual_below(walked: Walk, i: int) -> int | None:
    """The `prediction - target` node below a square or an absolute value.

    A loss minus a number (flooding) is none.

    Args:
        walked: The graph of the loss.
        i: Index of the square or of the absolute value.

    Returns:
        Index of the difference; None if there is none.
    """
    below = source(walked, i)
    if below is None or walked.names[below] not in ("Sub", "Rsub"):
        return None
    operand = source(walked, below)
    reduced = operand is not None and walked.names[operand] in {"Mean", "Sum", *BUILT_IN}
    return None if reduced and walked.shape(below) == () else below


def _constant(node: Any) -> float | None:
    """The number a Mul or Div node multiplies or divides by; None if it is data."""
    for attribute in ("other", "self"):
        value = saved(node, attribute)
        if isinstance(value, Tensor) and value.dim() == 0 and not value.requires_grad:
            return None if value.is_complex() else float(value)
        if isinstance(value, int | float):
            return float(value)
    return None


def parts_of(walked: Walk, i: int, c: float) -> list[tuple[int, float]] | None:
    """What a sum, mean or constant factor is made of; None if the node is a term itself.

    Args:
        walked: The graph of the loss.
        i: Index of the node.
        c: What it is multiplied by.

    Returns:
        Indices of the parts, each with the factor of its own.
    """
    name, inputs = walked.names[i], walked.inputs[i]
    present = [j for j in inputs if j is not None]
    if name in PASSING or name in ("Add", "Sum"):
        return [(j, c) for j in present]
    if name == "Mean":
        return [(j, c * numel(walked.shape(i)) / max(_elements(walked, j), 1)) for j in present]
    if name == "Neg":
        return [(j, -c) for j in present]
    if name in ("Sub", "Rsub"):
        signs = (1, -1) if name == "Sub" else (-1, 1)
        return [(j, c * s) for j, s in zip(inputs, signs, strict=False) if j is not None]
    if name in ("Mul", "Div") and len(present) == 1:
        number = _constant(walked.nodes[i])
        if number is not None and (name == "Mul" or inputs[0] is not None):
            return [(present[0], c * number if name == "Mul" else c / (number or 1.0))]
    return None


def _elements(walked: Walk, i: int) -> int:
    return numel(walked.shape(i) if i >= 0 else walked.leaf_shape(-1 - i))


def _term(walked: Walk, i: int, factor: float) -> Term:
    """A term, or one whose elements are weighted by data."""
    product = data_factor(walked, i) or data_divisor(walked, i)
    inner = _inside(walked, product[1]) if product else None
    if product and inner is not None and _is_as_large(walked, i, inner):
        form = _form(walked, inner)
        squared = form == "squared" or walked.names[inner] == "MseLoss"
        if (squared and not bool((product[0] < 0).any())) or (
            form in ("built_in", "absolute") and is_mask(product[0])
        ):
            return Term(inner, factor, form, _aligned(product[0], walked.shape(inner)))
    return Term(i, factor, _form(walked, i))


def _is_as_large(walked: Walk, product: int, inner: int) -> bool:
    """Whether weights left as many elements as there were: others were broadcast with them."""
    shape = walked.shape(inner)
    return bool(shape) and numel(shape) == numel(walked.shape(product))


def _aligned(weight: Tensor, shape: Shape) -> Tensor:
    """The weight in the shape that the elements have in the graph: torch views them for some."""
    return weight.reshape(shape) if weight.numel() == numel(shape) else weight


def is_mask(weight: Tensor) -> bool:
    """Whether it leaves elements out, or counts all alike; anything else is a weight by itself.

    Args:
        weight: What the elements of a loss are multiplied by.
    """
    most = weight.max() if weight.numel() else weight.sum()
    return bool(((weight == 0) | (weight == most)).all()) and bool(most > 0)


def data_divisor(walked: Walk, i: int) -> tuple[Tensor, int] | None:
    """What a quotient multiplies a value by, if the divisor is data, and the index of the value.

    Args:
        walked: The graph of the loss.
        i: Index of the quotient.
    """
    inputs = walked.inputs[i]
    other = saved(walked.nodes[i], "other") if walked.names[i] == "Div" else None
    if len(inputs) != 2 or inputs[0] is None or inputs[1] is not None:
        return None
    if not isinstance(other, Tensor) or not other.dim() or bool((other == 0).any()):
        return None
    return 1 / other.detach(), inputs[0]


def _inside(walked: Walk, i: int) -> int | None:
    """The node itself, or the one it views."""
    return i if i >= 0 and walked.names[i] not in PASSING else source(walked, i) if i >= 0 else None


def _form(walked: Walk, i: int) -> str:
    name, inputs = walked.names[i], walked.inputs[i]
    if name in BUILT_IN:
        return "built_in"
    if residual_below(walked, i) is not None:
        if name == "Pow" and saved(walked.nodes[i], "exponent") == 2:
            return "squared"
        if name == "Mul" and len(inputs) == 2 and inputs[0] == inputs[1]:
            return "squared"
        if name == "Abs":
            return "absolute"
    below = source(walked, i)
    if name == "Mul" and (weighted := data_factor(walked, below)) is not None:
        below = weighted[1] if weighted[1] >= 0 else None
    word = walked.names[below] if below is not None else ""
    if name == "Mul" and None in inputs and word in LOGARITHMS:
        return "log"
    if (name in PICKING and word in LOGARITHMS) or (name == "Log" and word in PICKING):
        return "picked"
    return "other"
