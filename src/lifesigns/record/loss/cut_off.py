"""Whether a data term begins at values that other layers made, without their graph."""

from __future__ import annotations

from torch import nn

from lifesigns.record.graph.products import data_of, products
from lifesigns.record.graph.walk import Walk

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
    weights = {one: _weight(walked, one.weight) for one in products(walked)}
    layers = [one for one, weight in weights.items() if weight is not None]
    reached = _below(walked, {term})
    trained = {weights[layer] for layer in layers if layer.node in reached}
    missed = [layer for layer in layers if weights[layer] not in trained]
    if not missed:
        return False
    steps = {i for i in reached if walked.names[i] in NO_SLOPE}
    if not {layer.node for layer in missed}.isdisjoint(_below(walked, steps, through=True)):
        return True
    made = {i for layer in missed for i in _below(walked, {layer.node})}
    if not made.isdisjoint(reached):  # heads of one body: what the others make is no data of theirs
        return False
    shapes = {walked.shape(i) for i in range(len(walked)) if i not in reached}
    given = {layer: data for layer in layers if (data := data_of(walked, layer)) is not None}
    read = {data.data_ptr() for layer, data in given.items() if layer in missed}
    return any(
        tuple(data.shape) in shapes and data.data_ptr() not in read
        for layer, data in given.items()
        if layer.node in reached
    )


def _weight(walked: Walk, i: int | None) -> int | None:
    """The parameter at a node, or that it transposes; None if it is no parameter."""
    while i is not None and i >= 0:
        inputs = [j for j in walked.inputs[i] if j is not None]
        i = inputs[0] if len(inputs) == 1 else None
    return i if i is not None and isinstance(walked.leaves[-1 - i], nn.Parameter) else None


def _below(walked: Walk, starts: set[int], *, through: bool = False) -> set[int]:
    """What leads to some nodes, up to where no gradient passes; or `through` there, too."""
    waiting, seen = list(starts), set(starts)
    while waiting:
        at = waiting.pop()
        if not through and walked.names[at] in NO_SLOPE:
            continue
        found = {i for i in walked.inputs[at] if i is not None and i >= 0} - seen
        seen |= found
        waiting += found
    return seen
