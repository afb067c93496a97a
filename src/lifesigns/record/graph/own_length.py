"""Values divided by their own length: rows of length 1, of which a loss takes cosines."""

from __future__ import annotations

from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved

BETWEEN = frozenset({"Expand", "ClampMin", "Clone", "Add"})
"""What may lie between a length and the division by it: `F.normalize` keeps it above 0."""


def length_dim(walked: Walk, index: int) -> int | None:
    """The dimension along which a node divides a value by its own length, counted from the end.

    Args:
        walked: The graph.
        index: Index of the node.

    Returns:
        None if the node does something else.
    """
    if walked.names[index] != "Div" or len(walked.inputs[index]) != 2:
        return None
    value, length = walked.inputs[index]
    while length is not None and length >= 0 and walked.names[length] in BETWEEN:
        length = walked.inputs[length][0]
    if length is None or length < 0 or walked.names[length] != "LinalgVectorNorm":
        return None
    node = walked.nodes[length]
    dims, rank = saved(node, "dim"), len(walked.shape(index))
    if walked.inputs[length][0] != value or saved(node, "ord") != 2 or not dims or len(dims) != 1:
        return None
    return int(dims[0]) % rank - rank if rank else None


def divided_by_length(walked: Walk, index: int) -> Tensor | None:
    """The rows of length 1 that such a node makes; None if they cannot be computed again.

    Args:
        walked: The graph.
        index: Index of the node.

    Cost: one division of two saved tensors.
    """
    value, length = (saved(walked.nodes[index], name) for name in ("self", "other"))
    if not isinstance(value, Tensor) or not isinstance(length, Tensor):
        return None
    return value.detach() / length.detach()
