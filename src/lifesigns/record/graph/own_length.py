"""Values divided by their own length, of which a loss takes cosines, or by their own sum."""

from __future__ import annotations

from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.walk import Walk, saved

BETWEEN = frozenset({"Expand", "ClampMin", "Clone", "Add", "Unsqueeze"})
"""What may lie between a length and the division by it: `F.normalize` keeps it above 0."""


def normalised_along(walked: Walk, index: int) -> dict[str, float]:
    """The dimension along which a node divides a value by its own length, or by its own sum.

    Args:
        walked: The graph.
        index: Index of the node.

    Returns:
        `length_dim` or `sum_dim`, counted from the end; empty if the node does something else.
    """
    if walked.names[index] != "Div" or len(walked.inputs[index]) != 2:
        return {}
    value, below = walked.inputs[index]
    while below is not None and below >= 0 and walked.names[below] in BETWEEN:
        below = walked.inputs[below][0]
    if below is None or below < 0 or walked.inputs[below][0] != value:
        return {}
    node, rank = walked.nodes[below], len(walked.shape(index))
    word = _word(walked.names[below], saved(node, "ord"))
    dims = saved(node, "dim") if word else None
    if not dims or len(dims) != 1 or not rank:
        return {}
    return {word: float(signed(int(dims[0])) % rank - rank)}


def _word(name: str, order: float | None) -> str:
    if name == "LinalgVectorNorm":
        return "length_dim" if order == 2 else "sum_dim" if order == 1 else ""
    return "sum_dim" if name == "Sum" else ""


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
