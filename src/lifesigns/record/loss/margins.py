"""Losses that ask for a margin: of a class over others, of one pair of samples over another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.functions.losses import OPERATIONS, lowest_ranking
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.comparison import UNKNOWN, PendingLoss, compare, wide
from lifesigns.record.loss.composed import cut_at_zero, data_factor
from lifesigns.record.loss.contrast import Sides, contrast, each_of, sides_of
from lifesigns.record.loss.sources import PASSING, source
from lifesigns.record.loss.summands import Term
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading

MOST_CLASSES = 64
"""Up to which the best constant scores are sought."""


def from_margin(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """A loss that torch composes of what is cut off at 0.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms; the first is read.
        prediction: The root module's output, where the graph keeps no scores.

    Returns:
        None if what was cut off cannot be read.
    """
    term = terms[0]
    read = _READERS[term.form](walked, term.node, prediction)
    if read is None:
        return None
    each, target, given, constant, details, pairs = read
    operation = _OPERATIONS.get(term.form, term.form)
    kind = OPERATIONS[operation].kind if operation in OPERATIONS else term.form
    shape = tuple(each.shape)
    pending = PendingLoss(
        LossReading(
            UNKNOWN,
            kind=kind,
            operation=operation,
            handwritten=operation not in OPERATIONS,
            input_shape=shape,
            compared_shape=shape,
            scale=term.factor * each.numel(),
            constant=constant,
            details=details,
        ),
        fit=pack.add(each.sum()),
        fit_factor=term.factor,
        partial=len(terms) > 1,
        contrast=None if pairs is None else contrast(pack, pairs),
    )
    if given is not None and target is not None and given.numel() == target.numel():
        compare(pack, pending, given.reshape(target.shape), target)
    elif prediction is not None and prediction.value.is_floating_point():
        pending.prediction = pack.sums(prediction.value, -1)
        pending.target = None if target is None else pack.sums(target, -1)
    return pending


class _Read(NamedTuple):
    each: Tensor
    """The loss of each observation."""
    target: Tensor | None
    """±1."""
    given: Tensor | None
    """Scores."""
    constant: float
    """The best constant's loss."""
    details: dict[str, float]
    """The loss's constants."""
    pairs: Sides | None = None
    """What tells the constant, and the constants, of a contrast."""


def _cut(walked: Walk, i: int) -> Tensor | None:
    """What a node cut off at 0, before if it is kept, else after."""
    swapped = walked.names[i] == "Maximum" and walked.inputs[i][0] is None
    value = saved(walked.nodes[i], "other" if swapped else "self")
    value = saved(walked.nodes[i], "result") if value is None else value
    return None if value is None else wide(value)


def _hinge(walked: Walk, i: int, prediction: Prediction | None) -> _Read | None:
    below = cut_at_zero(walked, i)
    product = None if below is None else data_factor(walked, walked.inputs[below][-1])
    cut = _cut(walked, i)
    if product is None or cut is None:
        return None
    target, given = wide(product[0]), value_of(walked, product[1], prediction)
    margin = 1.0
    if given is not None and given.numel() == target.numel() and bool((cut > 0).any()):
        given = wide(given).reshape(target.shape)
        margin = float((cut + target * given)[cut > 0].mean())
    return _Read(cut.clamp_min(0), target, given, UNKNOWN, {"margin": margin})


def _ranking(walked: Walk, i: int, prediction: Prediction | None) -> _Read | None:
    """Scores of a constant function are equal: what is left is the margin."""
    below = cut_at_zero(walked, i)
    product = None if below is None else data_factor(walked, walked.inputs[below][0])
    cut = _cut(walked, i)
    if product is None or cut is None:
        return None
    signs, difference = wide(product[0]), product[1]
    sides = [
        None if j is None else value_of(walked, j, prediction) for j in walked.inputs[difference]
    ]
    constant, given = UNKNOWN, None
    if len(sides) == 2 and sides[0] is not None and sides[1] is not None:
        given = wide(sides[0]) - wide(sides[1])
        if given.numel() == cut.numel():
            constant = float((cut - signs * given.reshape(signs.shape)).mean())
    return _Read(cut.clamp_min(0), -signs, given, constant, {})


def _triplet(walked: Walk, i: int, prediction: Prediction | None) -> _Read | None:
    """Where all embeddings are equal so are the distances: what is left is the margin."""
    cut, below = _cut(walked, i), cut_at_zero(walked, i)
    if cut is None or below is None:
        return None
    near, far = walked.inputs[below]
    near = None if near is None else walked.inputs[near][0]
    distances = [None if j is None else value_of(walked, j, None) for j in (near, far)]
    constant = UNKNOWN
    if distances[0] is not None and distances[1] is not None:
        left = (cut - wide(distances[0]) + wide(distances[1]))[cut > 0]
        constant = float(left.mean()) if left.numel() else UNKNOWN
    return _Read(cut.clamp_min(0), None, None, constant, {})


def _hinge_embedding(walked: Walk, i: int, prediction: Prediction | None) -> _Read | None:
    """`d` where y = 1, `max(0, m - d)` where y = -1."""
    apart, together = walked.inputs[i]
    if apart is None or together is None:
        return None
    clamp, given = source(walked, apart), walked.inputs[together]
    below = next((j for j in given if j is not None), None)
    cut = None if clamp is None else _cut(walked, clamp)
    distance = None if below is None else value_of(walked, below, prediction)
    counts = _counts(walked, apart, together)
    if cut is None or distance is None or counts is None or distance.numel() != cut.numel():
        return None
    off, on = counts
    distance = wide(distance).reshape(cut.shape)
    margin = float((cut + distance).mean())
    each = on * distance + off * cut.clamp_min(0)
    constant = min(float(on.mean()), float(off.mean())) * margin
    return _Read(each, on - off, -distance, constant, {"margin": margin})


def _cosine(walked: Walk, i: int, prediction: Prediction | None) -> _Read | None:
    """`1 - cos` where y = 1, `max(0, cos - m)` where y = -1; equal embeddings have cos = 1."""
    together, apart = walked.inputs[i]
    if apart is None or together is None:
        return None
    clamp = source(walked, apart)
    cut = None if clamp is None else _cut(walked, clamp)
    shifted = None if clamp is None else source(walked, clamp)
    ratio = None if shifted is None else shifted if walked.names[shifted] == "Div" else None
    if shifted is not None and ratio is None:
        ratio = source(walked, shifted)
    if cut is None or ratio is None or walked.names[ratio] != "Div":
        return None
    top, bottom = (saved(walked.nodes[ratio], side) for side in ("self", "other"))
    counts = _counts(walked, apart, together)
    if top is None or bottom is None or counts is None:
        return None
    off, on = counts
    cosine = wide(top) / wide(bottom)
    margin = float((cosine - cut).mean())
    each = on * (1 - cosine) + off * cut.clamp_min(0)
    constant = float(off.mean()) * max(0.0, 1 - margin)
    details = {"margin": margin, "trained_sides": _trained_sides(walked, ratio)}
    return _Read(each, on - off, cosine, constant, details)


def _trained_sides(walked: Walk, ratio: int) -> float:
    """How many of the two vectors whose cosine is taken have a gradient: 1 if one is given."""
    product = source(walked, ratio, PASSING | {"Sum"})
    return float(2 if product is None or None not in walked.inputs[product] else 1)


def _contrast(walked: Walk, i: int, prediction: Prediction | None) -> _Read | None:
    """One distance for all pairs is what no embedding has to learn."""
    left, right = walked.inputs[i][:2]
    sides = None if left is None or right is None else sides_of(walked, left, right)
    if sides is None:
        return None
    alike = (sides.together != 0).float()
    return _Read(each_of(sides), alike, -sides.distance, UNKNOWN, {}, sides)


def _counts(walked: Walk, apart: int, together: int) -> tuple[Tensor, Tensor] | None:
    """1 where a pair counts as unlike, and as alike: the conditions of the two branches.

    A target that is neither 1 nor -1 counts as both or as none.
    """
    conditions = [saved(walked.nodes[i], "condition") for i in (apart, together)]
    if conditions[0] is None or conditions[1] is None:
        return None
    return wide(conditions[0]).float(), wide(conditions[1]).float()


# --- classes --------------------------------------------------------------------------------------
def of_classes(reading: LossReading, node: object, target: Tensor) -> tuple[LossReading, Tensor]:
    """The reading of torch's two losses of margins between classes, and its targets as compared.

    Args:
        reading: With what is known without its node.
        node: The autograd node.
        target: What the loss was given: a class, or a list of classes that ends with -1.

    Returns:
        The reading with the best constant scores' loss; class indices, or 0 and 1 for each class.
    """
    classes = reading.input_shape[-1] if reading.input_shape else 1
    if reading.operation == "multi_margin_loss":
        details = {"margin": float(saved(node, "margin")), "p": float(saved(node, "p"))}
        own = torch.nn.functional.one_hot(target.reshape(-1), classes).float()
        weight = saved(node, "weight")
        own = own if weight is None else own * wide(weight)
        pairs = own.mean(0)[:, None].expand(classes, classes) / classes
    else:
        details = {"margin": 1.0, "p": 1.0}
        own = wide(saved(node, "is_target")).float().reshape(-1, classes)
        pairs, target = own.T @ (1 - own) / len(own) / classes, own
    constant = UNKNOWN
    if classes <= MOST_CLASSES:
        table = pairs.double().cpu().numpy().copy()
        table[range(classes), range(classes)] = 0
        constant = lowest_ranking(table, details["margin"], int(details["p"]))
    return replace(reading, constant=constant, details=details), target


_READERS: dict[str, Callable[[Walk, int, Prediction | None], _Read | None]] = {
    "hinge": _hinge,
    "margin_ranking": _ranking,
    "triplet": _triplet,
    "hinge_embedding": _hinge_embedding,
    "cosine_embedding": _cosine,
    "contrast": _contrast,
}
_OPERATIONS = {
    "margin_ranking": "margin_ranking_loss",
    "triplet": "triplet_margin_loss",
    "hinge_embedding": "hinge_embedding_loss",
    "cosine_embedding": "cosine_embedding_loss",
}
