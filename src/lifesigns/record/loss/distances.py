"""Whether the scores that a softmax makes probabilities of are distances, without a minus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import GUARDS, PARTS, PASSING, source
from lifesigns.record.loss.summands import PICKING, Term, parts_of

SOFTMAX = frozenset({"LogSoftmax", "Softmax"})
_TO_SOFTMAX = GUARDS | PICKING | {"Log", "Mul"}
"""What stands between a likelihood and the softmax that it is picked from."""
_DISTANCES = frozenset({"Cdist", "EuclideanDist"})
_NORMS = frozenset({"LinalgVectorNorm", "Norm"})
_COMPARISONS = frozenset({"HuberLoss", "L1Loss", "MseLoss", "SmoothL1Loss"})
"""Losses of numbers that are not reduced: differences by feature."""
_RISING = PARTS | {
    "Amax", "Amin", "Clamp", "ClampMax", "ClampMin", "Gather", "Index", "Log", "Log1P",
    "MaskedFill", "Max", "Min", "Relu", "Sqrt",
}  # fmt: skip
"""What is the larger, the larger that is which it is made of."""
_POSITIVE = frozenset({"Exp", "Sigmoid", "Softplus"})
"""Factors that are above 0 whatever they learn."""
_PRODUCTS = frozenset({"Bmm", "Mm"})
MOST_NODES = 1024


def scores_are_distances(walked: Walk, terms: Iterable[Term]) -> dict[str, float]:
    """Whether a softmax of distances is trained to be largest for the own class.

    Args:
        walked: The graph of the loss.
        terms: What the loss is a sum of.

    Returns:
        The mark `distances`, which counts the classes; none where the scores are anything else, or
        fall as the distances rise.
    """
    for term in terms:
        softmax = _likelihoods(walked, term)
        if softmax is not None and _rise(walked, walked.inputs[softmax][0]):
            dim = signed(walked.nodes[softmax]._saved_dim)
            return {"distances": float(walked.shape(softmax)[dim])}
    return {}


def _likelihoods(walked: Walk, term: Term) -> int | None:
    """The softmax whose likelihood of the targets a term makes large; None if there is none."""
    if term.node < 0:
        return None
    falls = walked.names[term.node].startswith("NllLoss")
    if not (falls or term.form in ("log", "picked")) or (term.factor > 0) != falls:
        return None
    found = source(walked, term.node, _TO_SOFTMAX)
    return found if found is not None and walked.names[found] in SOFTMAX else None


def _rise(walked: Walk, scores: int | None) -> bool:
    """Whether scores are sums of distances with positive factors, and of nothing else.

    A square of a difference may be multiplied out, as `a² + b² - 2ab`.
    """
    waiting = [(-1 if scores is None else scores, 1.0)]
    seen = set(waiting)
    kinds = set[str]()
    while waiting:
        i, factor = waiting.pop()
        kind = _kind(walked, i) if i >= 0 else ""
        if kind:
            if factor * _factor(walked, i, kind) <= 0:
                return False
            kinds.add(kind)
            continue
        below = _below(walked, i, factor)
        if below is None or len(seen) > MOST_NODES:
            return False
        waiting += [each for each in below if each not in seen]
        seen.update(below)
    return kinds in ({"distance"}, {"square", "product"})


def _kind(walked: Walk, i: int) -> str:
    """A distance, the square of anything else, or a product; empty for what is none of these."""
    name, inputs = walked.names[i], walked.inputs[i]
    if name in _DISTANCES or (name in _COMPARISONS and walked.shape(i)):
        return "distance"
    if name in _PRODUCTS:
        return "product"
    squared = name == "Pow" and saved(walked.nodes[i], "exponent") == 2
    squared = squared or (name == "Mul" and len(inputs) == 2 and inputs[0] == inputs[1])
    if not (squared or name in _NORMS or name == "Abs"):
        return ""
    base = _source(walked, i)
    if _is_difference(walked, base):
        return "distance"
    of_distance = squared and base is not None and _kind(walked, base) == "distance"
    return "distance" if of_distance else "square" if squared else ""


def _source(walked: Walk, i: int) -> int | None:
    """What is squared, behind a guard against 0 and a scale."""
    return source(walked, i, PASSING | {"Add", "Div"})


def _is_difference(walked: Walk, i: int | None) -> bool:
    """Whether a value is a difference of two: not one from a number, nor from its own mean."""
    if i is None or walked.names[i] != "Sub":
        return False
    given = [j for j in walked.inputs[i] if j is not None]
    if len(given) < 2:
        one = given[0]
        shape = walked.shape(one) if one >= 0 else walked.leaf_shape(-1 - one)
        return shape != walked.shape(i)
    left, right = (_origin(walked, i, side) for side in range(2))
    return left != right


def _origin(walked: Walk, i: int, side: int) -> tuple[int | None, int]:
    """What an operand is made of, behind views and means: a node, and which of its outputs."""
    while i >= 0:
        number = walked.nodes[i].next_functions[side][1]
        below = walked.inputs[i][side]
        if below is None or below < 0 or walked.names[below] not in PASSING | {"Mean"}:
            return below, number
        i, side = below, 0
    return i, 0


def _factor(walked: Walk, i: int, kind: str) -> float:
    """The sign with which a value is part of a distance; of a product that of its factors, too."""
    if kind != "product":
        return 1.0
    sign = -1.0
    for j in walked.inputs[i]:
        parts = parts_of(walked, j, 1.0) if j is not None and j >= 0 else None
        if parts and len(parts) == 1:
            sign *= parts[0][1]
    return sign


def _below(walked: Walk, i: int, factor: float) -> list[tuple[int, float]] | None:
    """What a value rises or falls with, each with its factor; None where that cannot be told."""
    if i < 0:
        return None
    name, inputs = walked.names[i], walked.inputs[i]
    if name in _RISING or (name == "Pow" and _is_root(walked.nodes[i])):
        return [(j, factor) for j in inputs if j is not None]
    if name in ("Mul", "Div") and len(inputs) == 2 and None not in inputs:
        scale = inputs[1]
        if scale is not None and scale >= 0 and walked.names[scale] in _POSITIVE:
            return [(inputs[0] or 0, factor)]
        return None
    return parts_of(walked, i, factor)


def _is_root(node: Any) -> bool:
    exponent = saved(node, "exponent")
    return isinstance(exponent, int | float) and 0 < exponent < 1
