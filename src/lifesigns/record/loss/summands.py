"""The terms a loss is a sum of, with the factor each is multiplied by.

The walk goes down from the root through sums, means and constant factors. A term computed from
parameters alone is a penalty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.records import Shape

BUILT_IN = {
    "NllLoss": "cross_entropy",
    "NllLoss2D": "cross_entropy",
    "MseLoss": "squared_error",
    "BinaryCrossEntropy": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogits": "binary_cross_entropy",
    "HuberLoss": "huber",
    "SmoothL1Loss": "huber",
}
"""torch's own losses and the kind each is; its L1 loss is an absolute value and a mean."""

OPERATIONS = {
    "NllLoss": "nll_loss",
    "NllLoss2D": "nll_loss",
    "MseLoss": "mse_loss",
    "BinaryCrossEntropy": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogits": "binary_cross_entropy_with_logits",
    "HuberLoss": "huber_loss",
    "SmoothL1Loss": "smooth_l1_loss",
}

PASSING = frozenset(
    {
        "Alias", "Cat", "Clone", "Expand", "Permute", "Reshape", "ReshapeAlias", "Squeeze",
        "Stack", "T", "ToCopy", "Transpose", "UnsafeView", "Unsqueeze", "View",
    }
)  # fmt: skip
"""Nodes that hand every element on as it is."""

LOGARITHMS = frozenset({"Log", "LogSoftmax"})
PICKING = frozenset({"Gather", "Index"})


@dataclass(frozen=True)
class Term:
    """One summand of the loss."""

    node: int
    factor: float
    """What every element of the term is multiplied by."""
    form: str
    """`built_in`, `squared`, `absolute`, `log` (a target times a logarithm), `picked` (the
    logarithm of each sample's own class), or `other`."""


@dataclass
class Terms:
    """What a loss is a sum of."""

    found: list[Term] = field(default_factory=list)
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
            continue
        below = _through(walked, i, factor)
        if below is None:
            terms.found.append(Term(i, factor, _form(walked, i)))
            continue
        if walked.names[i] in ("Add", "Sub", "Rsub") and len(below) < 2:
            terms.penalised = True
        stack.extend(reversed(below))
    return terms


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


def source(walked: Walk, i: int, through: frozenset[str] = PASSING) -> int | None:
    """The nearest node a node reads its first value from that is not one of `through`.

    Args:
        walked: The graph of the loss.
        i: Index of the node that reads.
        through: Names of the nodes that are stepped over.

    Returns:
        Index of the node; None if a leaf or nothing is reached.
    """
    below = _input(walked, i)
    while below is not None and walked.names[below] in through:
        below = _input(walked, below)
    return below


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


def before_expand(walked: Walk, i: int) -> tuple[int, Shape]:
    """A value's node (or leaf) and its shape before it was broadcast.

    Args:
        walked: The graph of the loss.
        i: Index of a node; leaf `k` is -1 - k.
    """
    below = walked.inputs[i][0] if i >= 0 and walked.names[i] == "Expand" else None
    if below is not None:
        return below, tuple(int(n) for n in walked.nodes[i]._saved_self_sym_sizes)
    return i, walked.shape(i) if i >= 0 else walked.leaf_shape(-1 - i)


def numel(shape: Shape) -> int:
    """Number of elements of a tensor of this shape."""
    return int(np.prod(shape)) if shape else 1


def _input(walked: Walk, i: int) -> int | None:
    return next((j for j in walked.inputs[i] if j is not None and j >= 0), None)


def _constant(node: Any) -> float | None:
    """The number a Mul or Div node multiplies or divides by; None if it is data."""
    for attribute in ("other", "self"):
        value = saved(node, attribute)
        if isinstance(value, Tensor) and value.dim() == 0 and not value.requires_grad:
            return float(value)
        if isinstance(value, int | float):
            return float(value)
    return None


def _through(walked: Walk, i: int, c: float) -> list[tuple[int, float]] | None:
    """What a sum, mean or constant factor is made of; None if the node is a term itself."""
    name, inputs = walked.names[i], walked.inputs[i]
    present = [j for j in inputs if j is not None]
    if name in PASSING or name in ("Add", "Sum"):
        return [(j, c) for j in present]
    if name == "Mean":
        below = numel(walked.shape(present[0])) if present and present[0] >= 0 else 0
        return [(j, c * numel(walked.shape(i)) / max(below, 1)) for j in present]
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
    word = walked.names[below] if below is not None else ""
    if name == "Mul" and None in inputs and word in LOGARITHMS:
        return "log"
    if (name in PICKING and word in LOGARITHMS) or (name == "Log" and word in PICKING):
        return "picked"
    return "other"
