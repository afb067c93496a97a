"""A value that nothing keeps, made again of what is kept: by a view, a part, a pool or a mean."""

from __future__ import annotations

import torch
from torch import Tensor

from lifesigns.record.graph.operations import VIEWS, signed
from lifesigns.record.graph.walk import Walk, saved, value_as_used
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.loss.values import value_of

MOST = 8
"""Operations that are done again."""
_SHAPING = VIEWS | {"Squeeze", "Unsqueeze"}
_SPLITS = frozenset({"Split", "SplitWithSizes"})


def remade(walked: Walk, i: int, number: int = 0, most: int = MOST) -> Tensor | None:
    """The value of an output of a node, in the shape that the node gave it.

    Args:
        walked: The graph of the loss.
        i: Index of the node.
        number: Which of its outputs.
        most: Operations that may be done again.

    Returns:
        None where it cannot be made of what is kept.

    Cost: what the operations cost that are done again: views are free.
    """
    shape = walked.shape(i, number) if i >= 0 else ()
    if most < 1 or not shape:
        return None
    kept = None
    if walked.names[i] not in _SPLITS:
        is_passing = walked.names[i] in PASSING
        kept = value_as_used(walked, i) if is_passing else value_of(walked, i, None)
    if kept is None:
        kept = _again(walked, i, number, shape, most - 1)
    return kept.detach() if kept is not None and tuple(kept.shape) == shape else None


def _again(walked: Walk, i: int, number: int, shape: tuple[int, ...], most: int) -> Tensor | None:
    node, name = walked.nodes[i], walked.names[i]
    if name == "MaxPool2DWithIndices":
        return _pooled(saved(node, "self"), saved(node, "result1"))
    below = walked.inputs[i][0] if walked.inputs[i] else None
    if below is None or below < 0 or name not in _SHAPING | _SPLITS | {"Slice", "Mean"}:
        return None
    given = remade(walked, below, int(node.next_functions[0][1]), most)
    if given is None:
        return None
    if name in _SHAPING:
        return given.reshape(shape) if given.numel() == torch.Size(shape).numel() else None
    dim = saved(node, "dim")
    if name == "Mean":
        dims = [signed(int(d)) for d in dim] if isinstance(dim, tuple) else []
        return given.mean(dims, keepdim=bool(saved(node, "keepdim"))) if dims else None
    axis = signed(int(dim)) % given.dim()
    if name == "Slice":
        start, end, step = (signed(int(saved(node, word))) for word in ("start", "end", "step"))
        cut = (*[slice(None)] * axis, slice(start, end, step))
        return given[cut]
    sizes = [walked.shape(i, k)[axis] for k in range(number)]
    return given.narrow(axis, sum(sizes), shape[axis])


def _pooled(given: Tensor | None, places: Tensor | None) -> Tensor | None:
    """What a pool took, by the places of it."""
    if given is None or places is None:
        return None
    return given.flatten(-2).gather(-1, places.flatten(-2)).view_as(places)
