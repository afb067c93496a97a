"""Terms of a loss that are weighed by a softmax of parameters, which nothing else holds.

The gradient of `softmax(w) · losses` takes weight from the terms that are larger than the weighted
mean and gives it to the smaller ones, whatever they are worth: the sum is least with all of the
weight on the smallest term.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PARTS, PASSING
from lifesigns.record.loss.summands import Term
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

_SCALING = frozenset({"Add", "Div", "Mul", "Sub"})
_SIDES = {"Dot": ("self", "tensor"), "Mul": ("self", "other")}
"""Under which names a product keeps its sides."""
_SPLIT = PARTS | {"Unbind", "Split"}
_REDUCED = frozenset({"Mean", "Sum"})


class PendingWeights(NamedTuple):
    """Terms and their weights, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many terms are weighed, the least and the largest, their weights.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        weights, terms = arrays[self.slot].reshape(2, -1)
        total, least, most = float(weights.sum()), int(terms.argmin()), int(terms.argmax())
        if not (np.isfinite(terms).all() and total > 0):
            return {}
        return {
            "weighed_terms": float(len(terms)),
            "least_term": float(terms[least]),
            "least_term_weight": float(weights[least]) / total,
            "largest_term": float(terms[most]),
            "largest_term_weight": float(weights[most]) / total,
        }


def task_weights(pack: Pack, walked: Walk, terms: Sequence[Term]) -> PendingWeights | None:
    """Reads the terms that the softmax of a parameter weighs, and their weights.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        terms: What the loss is a sum of.

    Returns:
        None where there is no such softmax, or where it or its parameter is read by anything else.
    """
    if "Softmax" not in walked.names:
        return None
    summed = {term.node for term in terms if term.factor > 0}
    for i, name in enumerate(walked.names):
        if name != "Softmax" or not _is_of_a_parameter_alone(walked, i):
            continue
        found = _weighed(walked, i, summed)
        if found is not None:
            numbers = [torch.cat([v.detach().reshape(-1).double() for v in side]) for side in found]
            if numbers[0].numel() == numbers[1].numel() > 1:
                return PendingWeights(pack.add(torch.cat(numbers)))
    return None


def _is_of_a_parameter_alone(walked: Walk, softmax: int) -> bool:
    """Whether a softmax is one of a parameter that nothing else reads."""
    above, at = softmax, _only(walked, softmax)
    while at is not None and at >= 0 and walked.names[at] in PASSING | _SCALING:
        if walked.readers.get(at) != [above]:
            return False
        above, at = at, _only(walked, at)
    if at is None or at >= 0 or not isinstance(walked.leaves[-1 - at], nn.Parameter):
        return False
    return sum(at in inputs for inputs in walked.inputs) == 1


def _only(walked: Walk, i: int) -> int | None:
    below = [j for j in walked.inputs[i] if j is not None]
    return below[0] if len(below) == 1 else None


def _weighed(
    walked: Walk, softmax: int, summed: set[int]
) -> tuple[list[Tensor], list[Tensor]] | None:
    """The weights and the terms of all products that a softmax goes into; None if any is none."""
    sides = list(_products(walked, softmax, summed))
    if not sides or None in sides:
        return None
    known = [side for side in sides if side is not None]
    return [weights for weights, _ in known], [terms for _, terms in known]


def _products(
    walked: Walk, softmax: int, summed: set[int]
) -> Iterator[tuple[Tensor, Tensor] | None]:
    waiting = [softmax]
    while waiting:
        at = waiting.pop()
        for reader in walked.readers.get(at, ()):
            one_sided = _only(walked, reader) is not None
            if one_sided and walked.names[reader] in _SPLIT | {"Mul", "Div"}:
                waiting.append(reader)
            else:
                yield _sides(walked, reader, at) if reader in summed else None


def _sides(walked: Walk, product: int, weights: int) -> tuple[Tensor, Tensor] | None:
    """The weights and the terms that are multiplied with them."""
    names, inputs = _SIDES.get(walked.names[product]), walked.inputs[product]
    if names is None or len(inputs) != 2 or None in inputs or inputs[0] == inputs[1]:
        return None
    place = inputs.index(weights)
    other = inputs[1 - place]
    values = [saved(walked.nodes[product], names[k]) for k in (place, 1 - place)]
    if other is None or not _are_losses(walked, other):
        return None
    if not all(isinstance(v, Tensor) and is_readable(v) for v in values):
        return None
    return (values[0], values[1]) if values[0].numel() == values[1].numel() else None


def _are_losses(walked: Walk, i: int) -> bool:
    """Whether a value is a number for each of some losses: those were reduced over the samples."""
    if i < 0:
        return False
    shape = walked.shape(i)
    if shape in ((), (1,)):
        return True
    if len(shape) != 1:
        return False
    if walked.names[i] in ("Stack", "Cat"):
        below = walked.inputs[i]
        return all(j is not None and j >= 0 and walked.shape(j) in ((), (1,)) for j in below)
    return walked.names[i] in _REDUCED
