"""A loss of overlap, such as Dice, IoU or Tversky: what it is given, and whether it is made small.

`(2 Σ p y + s) / (Σ p + Σ y + s)` is between 0 and 1 only for p in [0, 1]. Its numerator is a sum of
p where a mask y is 1, its denominator a sum of the same p, linear in it, and of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.sources import ABOVE, PARTS, reached, source
from lifesigns.record.loss.summands import Term
from lifesigns.record.loss.values import value_of

LINEAR = PARTS | {"Add", "Clamp", "ClampMin", "Mean", "Mul", "Rsub", "Sub", "Sum"}
"""What may stand between a quotient and the values it adds up; a clamp keeps it away from 0."""


class _Overlap(NamedTuple):
    """A quotient that is an overlap."""

    node: int
    given: int
    """Index of the value whose overlap with the mask it is."""
    mask: Tensor


def overlap(walked: Walk, terms: Sequence[Term], prediction: Prediction | None) -> dict[str, float]:
    """The least and the greatest value whose overlap with a mask is a term of the loss.

    Args:
        walked: The graph of the loss.
        terms: What the loss is a sum of.
        prediction: The root module's output, where nothing else keeps the values.

    Returns:
        Marks `overlap_least` and `overlap_most`, and where the overlap itself is made small
        `overlap_minimised`, which counts the terms; none where there is no such term, or where the
        values cannot be read.
    """
    for i in reached(walked, [term.node for term in terms], ABOVE):
        found = _overlap(walked, i) if walked.names[i] == "Div" else None
        value = None if found is None else _value(walked, found.given, prediction)
        if found and value is not None and value.numel() and value.is_floating_point():
            least, most = value.aminmax()
            marks = {"overlap_least": float(least), "overlap_most": float(most)}
            if _factor(walked, i, terms) > 0 and _is_of_own_mask(walked, found, value):
                marks["overlap_minimised"] = float(len(terms))
            return marks
    return {}


def _factor(walked: Walk, i: int, terms: Sequence[Term]) -> float:
    """What a quotient, or its logarithm, is multiplied by in the loss; 0 if it is no term."""
    names = walked.names
    return next(
        (
            term.factor
            for term in terms
            if term.node == i
            or (term.node >= 0 and names[term.node] == "Log" and source(walked, term.node) == i)
        ),
        0.0,
    )


def _is_of_own_mask(walked: Walk, found: _Overlap, value: Tensor) -> bool:
    """Whether it is the mask above that is added below, and not what the mask leaves out.

    That a value lies on the rest of a mask is well made small, as in a rate of false alarms.
    """
    below = saved(walked.nodes[found.node], "other")
    if not isinstance(below, Tensor) or value.numel() != found.mask.numel():
        return False
    mask = float(found.mask.sum())
    added = float(below.sum()) - float(value.sum())
    return abs(added - mask) < abs(added - (found.mask.numel() - mask))


def _overlap(walked: Walk, i: int) -> _Overlap | None:
    above, below = (*walked.inputs[i], None)[:2]
    if above is None or below is None:
        return None
    masked = (_masked(walked, j) for j in reached(walked, [above], LINEAR))
    mask, given = next((found for found in masked if found is not None), (None, -1))
    summed = list(reached(walked, [below], LINEAR))
    if mask is None or not any(_adds_mask(walked, j) for j in summed):
        return None
    return _Overlap(i, given, mask) if _whole(walked, given) in summed else None


def _masked(walked: Walk, i: int) -> tuple[Tensor, int] | None:
    """A mask of 0 and 1, and the index of what a product multiplies by it."""
    product = data_factor(walked, i)
    return product if product and bool(((product[0] == 0) | (product[0] == 1)).all()) else None


def _adds_mask(walked: Walk, i: int) -> bool:
    """Whether the size of a mask is added, or what is left of 1 is masked.

    Without it the quotient is a share of the whole, and may be of anything that is positive. A
    number that is added is no input of the node; data is one without a gradient.
    """
    inputs, product = walked.inputs[i], data_factor(walked, i)
    if product is not None and product[1] >= 0:
        return walked.names[product[1]] == "Rsub"
    return walked.names[i] in ("Add", "Sub", "Rsub") and len(inputs) == 2 and None in inputs


def _whole(walked: Walk, i: int) -> int:
    """What a value is a view or a part of."""
    while i >= 0 and walked.names[i] in PARTS and walked.inputs[i][0] is not None:
        i = walked.inputs[i][0] or 0
    return i


def _value(walked: Walk, i: int, prediction: Prediction | None) -> Tensor | None:
    """The value of a node, or the whole of which it is a part."""
    value = value_of(walked, i, prediction)
    if value is None and _whole(walked, i) != i:
        value = value_of(walked, _whole(walked, i), prediction)
    return None if value is None else value.detach()
