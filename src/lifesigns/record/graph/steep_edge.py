"""Operations whose value is finite at the edge of their domain and whose gradient is not."""

from __future__ import annotations

from lifesigns.record.graph.walk import Walk, saved

STEEP = frozenset({"Acos", "Asin", "Sqrt", "Std"})
"""At 1 and -1, or at 0: what lies below gets infinity, or NaN where it is multiplied by 0."""
KEEPING_AWAY = frozenset({"Clamp", "ClampMax", "ClampMin", "Maximum"})


def is_steep(walked: Walk, index: int) -> bool:
    """Whether an operation may be given the edge: nothing is added right before it, or cut off.

    Args:
        walked: The graph.
        index: Index of the node.
    """
    name, given = walked.names[index], walked.inputs[index][:1]
    if name == "Pow":
        exponent = saved(walked.nodes[index], "exponent")
        if not isinstance(exponent, int | float) or not 0 < exponent < 1:
            return False
    elif name not in STEEP:
        return False
    below = given[0] if given else None
    if below is None or below < 0:
        return True
    added = walked.names[below] == "Add" and None in walked.inputs[below]
    return not added and walked.names[below] not in KEEPING_AWAY
