"""What a loss looks like: enough to tell two losses of one training step apart.

Two micro-batches of one loss look alike, whatever way the data took through the network; a loss and
a penalty on its gradient, or the losses of two heads, do not.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from torch.utils.weak import WeakIdRef

from lifesigns.record.graph.walk import Walk

_ARITHMETIC = frozenset({"Add", "Sub", "Neg", "Mul", "Div"})
"""A sign or a weight makes no other loss: a critic may add up what it takes apart elsewhere."""


class Likeness(NamedTuple):
    """Equal for losses that are trained as one."""

    nearest: WeakIdRef | None
    """The parameter nearest to the loss; inputs are new ones in each step and do not count. None
    if nothing but plain tensors is trained."""
    operations: frozenset[str]
    """What is computed behind it, each once: a batch may hold any number of boxes or words."""


def likeness(walked: Walk) -> Likeness:
    """What the loss of a graph looks like.

    Args:
        walked: The graph.
    """
    leaves = walked.leaves
    trained = {-1 - k for k, leaf in enumerate(leaves) if isinstance(leaf, nn.Parameter)}
    named = bool(trained)
    trained = trained or {-1 - k for k in range(len(leaves))}
    for index in reversed(range(len(walked))):
        nearest = next((i for i in walked.inputs[index] if i in trained), None)
        if nearest is not None:
            operations = frozenset(walked.names[index + 1 :]) - _ARITHMETIC
            return Likeness(WeakIdRef(leaves[-1 - nearest]) if named else None, operations)
    return Likeness(None, frozenset(walked.names) - _ARITHMETIC)
