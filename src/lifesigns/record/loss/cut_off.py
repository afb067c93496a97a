"""Whether a data term begins at values that other layers made, without their graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.mixing import DATA

NO_SLOPE = frozenset({"Normal", "Bernoulli", "Poisson", "Round", "Floor", "Ceil", "Trunc", "Sign"})
"""Nodes whose gradient is 0 by definition: drawing, and steps."""


class Layer(NamedTuple):
    """A layer that multiplies by a weight."""

    node: int
    given: Tensor | None
    """What it reads, if that has no graph."""


def is_cut_off(walked: Walk, term: int) -> bool:
    """Whether layers that the data term does not lead to made what it begins with.

    Either a drawing or a step lies between; or what it begins with is not what they read, and has
    the shape of something that was made of theirs.

    Args:
        walked: The graph of the loss, a sum of terms.
        term: Index of the node of the data term.
    """
    reached, layers = _below(walked, {term}), list(_layers(walked))
    missed = [layer for layer in layers if layer.node not in reached]
    if not missed:
        return False
    steps = {i for i in reached if walked.names[i] in NO_SLOPE}
    if not {layer.node for layer in missed}.isdisjoint(_below(walked, steps, through=True)):
        return True
    made = {i for layer in missed for i in _below(walked, {layer.node})}
    if not made.isdisjoint(reached):  # heads of one body: what the others make is no data of theirs
        return False
    shapes = {walked.shape(i) for i in range(len(walked)) if i not in reached}
    read = {layer.given.data_ptr() for layer in missed if layer.given is not None}
    begins = (layer.given for layer in layers if layer.node in reached)
    return any(
        given is not None and tuple(given.shape) in shapes and given.data_ptr() not in read
        for given in begins
    )


def _layers(walked: Walk) -> Iterator[Layer]:
    for index, name in enumerate(walked.names):
        if name not in DATA:
            continue
        inputs = walked.inputs[index]
        operand = inputs[-2] if name.endswith("mm") else inputs[0]
        weight = inputs[-1] if name.endswith("mm") else inputs[1]
        if weight is None or not _is_of_parameters(walked, weight):
            continue
        given = saved(walked.nodes[index], DATA[name]) if operand is None else None
        yield Layer(index, given if isinstance(given, Tensor) else None)


def _is_of_parameters(walked: Walk, i: int) -> bool:
    """Whether it is a parameter, or one that was transposed."""
    while i >= 0:
        inputs = [j for j in walked.inputs[i] if j is not None]
        if len(inputs) != 1:
            return False
        (i,) = inputs
    return isinstance(walked.leaves[-1 - i], nn.Parameter)


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
