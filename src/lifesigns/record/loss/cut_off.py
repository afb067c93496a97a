"""Whether a data term begins at values that other layers made, without their graph."""

from __future__ import annotations

import torch
from torch import Tensor

from lifesigns.record.graph.products import data_of, parameter_of, products
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import leading_to

NO_SLOPE = frozenset({"Normal", "Bernoulli", "Poisson", "Round", "Floor", "Ceil", "Trunc", "Sign"})
"""Nodes whose gradient is 0 by definition: drawing, and steps."""


def is_cut_off(walked: Walk, term: int) -> bool:
    """Whether layers that the data term does not lead to made what it begins with.

    Either a drawing or a step lies between; or what it begins with is not what they read, and has
    the shape of something that was made of theirs. A layer whose weight the term reaches in another
    call of it, as where one network is asked at several points, is none of them.

    Args:
        walked: The graph of the loss, a sum of terms.
        term: Index of the node of the data term.
    """
    weights = {one: parameter_of(walked, one) for one in products(walked)}
    layers = [one for one, weight in weights.items() if weight is not None]
    reached = leading_to(walked, [term], NO_SLOPE)
    trained = {weights[layer] for layer in layers if layer.node in reached}
    missed = [layer for layer in layers if weights[layer] not in trained]
    if not missed:
        return False
    steps = {i for i in reached if walked.names[i] in NO_SLOPE}
    if not {layer.node for layer in missed}.isdisjoint(leading_to(walked, steps)):
        return True
    made = leading_to(walked, [layer.node for layer in missed], NO_SLOPE)
    if not made.isdisjoint(reached):  # heads of one body: what the others make is no data of theirs
        return False
    shapes = {walked.shape(i) for i in range(len(walked)) if i not in reached}
    given = {layer: data for layer in layers if (data := data_of(walked, layer)) is not None}
    read = [data for layer, data in given.items() if layer in missed]
    return any(
        tuple(data.shape) in shapes and not any(_is_the_same(data, other) for other in read)
        for layer, data in given.items()
        if layer.node in reached
    )


def _is_the_same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie in one place, or hold the same: rows that were picked twice."""
    if one.data_ptr() == other.data_ptr():
        return True
    alike = one.shape == other.shape and one.dtype == other.dtype and one.device == other.device
    return alike and torch.equal(one, other)
