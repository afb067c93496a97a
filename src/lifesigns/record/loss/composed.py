"""torch's losses that are made of simpler operations, found by the shape of their graph.

A pattern is the node at which such a loss begins; what is below it belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.contrast import sides_of
from lifesigns.record.loss.sources import GUARDS, PASSING, source

DISTRIBUTION = 1e-3
"""How far from 1 a sum of half-precision probabilities may lie."""


def pattern(walked: Walk, i: int) -> str:
    """The word of the composed loss that begins at a node; empty if none does.

    Args:
        walked: The graph of the loss.
        i: Index of the node, not of a leaf.
    """
    found = _PATTERNS.get(walked.names[i])
    return found(walked, i) if found else ""


def data_factor(walked: Walk, i: int | None) -> tuple[Tensor, int] | None:
    """What a product multiplies a value by, if that is data, and the index of the value.

    Args:
        walked: The graph of the loss.
        i: Index of the product.
    """
    if i is None or i < 0 or walked.names[i] != "Mul" or len(walked.inputs[i]) != 2:
        return None
    left, right = walked.inputs[i]
    if (left is None) == (right is None):
        return None
    value = saved(walked.nodes[i], "self" if left is None else "other")
    below = right if left is None else left
    if not isinstance(value, Tensor) or not value.dim() or below is None:
        return None
    return value.detach(), below


def is_distribution(values: Tensor) -> bool:
    """Whether the rows, or the classes in dimension 1, are probabilities."""
    if not values.is_floating_point() or not values.dim() or bool((values < 0).any()):
        return False
    dims = {-1, 1} if values.dim() > 1 else {-1}
    sums = (values.sum(dim, dtype=torch.float32) for dim in dims)
    return any(bool(((s - 1).abs() < DISTRIBUTION).all()) for s in sums)


# --- likelihoods ----------------------------------------------------------------------------------
def _difference(walked: Walk, i: int) -> str:
    """`y log y - y log a` is a divergence, `exp(z) - y z` and `a - y log a` are Poisson's."""
    if len(walked.inputs[i]) < 2:  # less a number
        return ""
    left, right = walked.inputs[i][:2]
    product = data_factor(walked, right)
    if product is None or walked.shape(i) != tuple(product[0].shape):
        return ""
    target, below = product
    if left is None:
        return "divergence" if is_distribution(target) else ""
    if bool((target < 0).any()):
        return ""
    if left >= 0 and walked.names[left] == "Exp" and walked.inputs[left][0] == below:
        return "poisson"
    logged = below >= 0 and walked.names[below] == "Log"
    return "poisson" if logged and source(walked, below, GUARDS) == left else ""


def _product(walked: Walk, i: int) -> str:
    """`y (log y - log a)`, a divergence from targets that are given as logarithms."""
    product = data_factor(walked, i)
    if product is None or product[1] < 0 or walked.names[product[1]] != "Sub":
        return ""
    given = walked.inputs[product[1]][0] is None
    return "divergence" if given and is_distribution(product[0]) else ""


def _addition(walked: Walk, i: int) -> str:
    left, right = (walked.inputs[i] + (None, None))[:2]
    if left is None or right is None or left < 0 or right < 0:
        return ""
    names = walked.names[left], walked.names[right]
    if names == ("Mul", "Mul"):
        return "contrast" if sides_of(walked, left, right) is not None else ""
    if names == ("Where", "Where"):
        return _choice(walked, left, right)
    if names != ("Log", "Div"):
        return ""
    squared, variance = (walked.inputs[right] + (None,))[:2]
    if squared is None or squared < 0 or variance is None or walked.names[squared] != "Pow":
        return ""
    same = walked.inputs[left][0] == variance
    return "gaussian" if same and saved(walked.nodes[squared], "exponent") == 2 else ""


# --- margins --------------------------------------------------------------------------------------
def cut_at_zero(walked: Walk, i: int) -> int | None:
    """Index of the value that a ReLU, a clamp or the larger of it and zeros cuts off at 0.

    Args:
        walked: The graph of the loss.
        i: Index of the node that cuts.

    Returns:
        None where it cuts elsewhere, or on both sides.
    """
    node, inputs = walked.nodes[i], walked.inputs[i]
    if walked.names[i] == "Maximum":
        side = "self" if inputs[0] is None else "other"
        zeros = saved(node, side) if None in inputs else None
        if not isinstance(zeros, Tensor) or bool(zeros.any()):
            return None
    elif walked.names[i] != "Relu":
        least, most = saved(node, "min"), saved(node, "max")
        if isinstance(least, Tensor) or least != 0 or most is not None:
            return None
    below = next((j for j in inputs if j is not None), None)
    return None if below is None or below < 0 else below


def _choice(walked: Walk, left: int, right: int) -> str:
    """One branch for pairs that belong together, one for the others."""
    below = [source(walked, side, PASSING) for side in (left, right)]
    words = [walked.names[j] if j is not None else "" for j in below]
    if words[0] == "ClampMin":
        return "hinge_embedding"
    return "cosine_embedding" if words == ["Sub", "ClampMin"] else ""


def _clamped(walked: Walk, i: int) -> str:
    """What is cut off at 0: `m - y a`, `m - y (a - b)`, `m + d(a, p) - d(a, n)`."""
    below = cut_at_zero(walked, i)
    if below is None:
        return ""
    inner = walked.inputs[below][0] if walked.names[below] == "Add" else None
    name = walked.names[below]
    if name == "Sub" and _is_distance(walked, walked.inputs[below]):
        return "triplet"
    product = data_factor(walked, inner)
    if product and product[1] >= 0 and walked.names[product[1]] == "Sub" and _is_sign(product[0]):
        return "margin_ranking"
    product = data_factor(walked, walked.inputs[below][-1]) if name in ("Rsub", "Sub") else None
    return "hinge" if product and _is_sign(product[0]) else ""


def _is_distance(walked: Walk, sides: tuple[int | None, ...]) -> bool:
    """Whether a margin plus one distance stands before another."""
    if len(sides) != 2 or None in sides or min(j for j in sides if j is not None) < 0:
        return False
    near, far = (j for j in sides if j is not None)
    distances = {"Norm", "LinalgVectorNorm"}
    if walked.names[far] == "Minimum":
        far = walked.inputs[far][0] or far
    below = walked.inputs[near][0] if walked.names[near] == "Add" else None
    return walked.names[far] in distances and below is not None and walked.names[below] in distances


def _is_sign(values: Tensor) -> bool:
    """Of 1 and -1; or of 1 and 0, which are none, and taken for signs by mistake."""
    sizes = values.float().abs()
    if bool((sizes == 1).all()):
        return True
    one_sign = bool((values >= 0).all()) or bool((values <= 0).all())
    return one_sign and bool(((sizes == 1) | (sizes == 0)).all()) and bool((sizes == 1).any())


# --- alignments -----------------------------------------------------------------------------------
def _alignment(walked: Walk, i: int) -> str:
    below = i if walked.names[i] == "CtcLoss" else source(walked, i, PASSING | {"Where"})
    return "ctc" if below is not None and walked.names[below] == "CtcLoss" else ""


_PATTERNS: dict[str, Callable[[Walk, int], str]] = {
    "Sub": _difference,
    "Mul": _product,
    "Add": _addition,
    "Clamp": _clamped,
    "ClampMin": _clamped,
    "Maximum": _clamped,
    "Relu": _clamped,
    "CtcLoss": _alignment,
    "Div": _alignment,
    "Where": _alignment,
}


def constant_alignment(log_probs: Tensor, node: object) -> float:
    """The least CTC loss of one distribution for every frame, a label's length undone.

    The labels share what is left of the blank by how often they occur; its share is tried. NaN
    where that would take long.

    Args:
        log_probs: What the loss was given, `[time, batch, classes]`.
        node: The autograd node of the loss.
    """
    targets, blank = saved(node, "targets"), saved(node, "blank")
    lengths = tuple(getattr(node, "_saved_target_lengths", ()))
    inputs = tuple(getattr(node, "_saved_input_lengths", ()))
    if targets is None or log_probs.numel() > _MOST or not lengths:
        return float("nan")
    flat = (
        targets
        if targets.dim() == 1
        else torch.cat([row[:n] for row, n in zip(targets, lengths, strict=True)])
    )
    classes = log_probs.shape[-1]
    counts = torch.bincount(flat.long(), minlength=classes).float()
    counts[blank] = 0
    sizes = torch.tensor(inputs), torch.tensor(lengths)
    tried = []
    for share in _BLANKS:
        rates = (1 - share) * counts / counts.sum().clamp_min(1)
        rates[blank] = share
        logs = rates.log().expand(log_probs.shape).contiguous()
        each = F.ctc_loss(logs, targets, *sizes, blank=blank, reduction="none")
        tried.append(float((each / sizes[1].clamp_min(1)).mean()))
    return min(tried)


_MOST = 1 << 20
_BLANKS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
