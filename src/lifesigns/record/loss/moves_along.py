"""Whether the target of a comparison is what its prediction was made of: it moves along with it.

A straight-through estimate, `z + (q - z).detach()`, moves as `z` does. Compared with `z.detach()`
it is `q` by its value and `z` by its gradient, which drives `z` away from `q`.
"""

from __future__ import annotations

from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved, value_as_used
from lifesigns.record.loss.summands import OF_NUMBERS


def may_move_along(walked: Walk) -> bool:
    """Whether a comparison of numbers has something added to what it compares."""
    return "Add" in walked.names and not OF_NUMBERS.isdisjoint(walked.names)


def moves_along(walked: Walk) -> dict[str, float]:
    """How many comparisons have such a target, as a mark of the loss; empty where none has.

    Args:
        walked: The graph of a loss.
    """
    found = sum(_is_drawn_along(walked, i) for i, n in enumerate(walked.names) if n in OF_NUMBERS)
    return {"targets_moving_along": float(found)} if found else {}


def _is_drawn_along(walked: Walk, index: int) -> bool:
    prediction, *others = walked.inputs[index]
    if prediction is None or prediction < 0 or any(other is not None for other in others):
        return False
    own, *added = walked.inputs[prediction]
    if walked.names[prediction] != "Add" or own is None or own < 0 or added != [None]:
        return False
    target, value = saved(walked.nodes[index], "target"), value_as_used(walked, own)
    return isinstance(target, Tensor) and value is not None and _is_same(target, value)


def _is_same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.data_ptr() == other.data_ptr() != 0
