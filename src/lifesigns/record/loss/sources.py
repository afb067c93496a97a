"""Where a value in a loss came from: the node behind views, casts and broadcasts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lifesigns.record.graph.walk import Walk
from lifesigns.records import Shape

PASSING = frozenset(
    {
        "Alias", "Cat", "Clone", "Expand", "Permute", "Reshape", "ReshapeAlias", "Squeeze",
        "Stack", "T", "ToCopy", "Transpose", "UnsafeView", "Unsqueeze", "View",
    }
)  # fmt: skip
"""Nodes that hand every element on as it is."""

GUARDS = PASSING | {"Add", "Clamp", "ClampMin", "ClampMax"}
"""What keeps the argument of a logarithm away from 0."""

PARTS = PASSING | {"Select", "Slice"}
"""Nodes that hand on elements as they are, all or some of them."""

ABOVE = PASSING | {"Add", "Div", "Log", "Mean", "Mul", "Neg", "Pow", "Rsub", "Sub", "Sum"}
"""What stands between a term of the loss and what it is made of: means, weights, a power."""


def source(walked: Walk, i: int, through: frozenset[str] = PASSING) -> int | None:
    """The nearest node a node reads its first value from that is not one of `through`.

    Args:
        walked: The graph of the loss.
        i: Index of the node that reads.
        through: Names of the nodes that are stepped over.

    Returns:
        Index of the node; None if a leaf or nothing is reached.
    """
    below = _input(walked, i)
    while below is not None and walked.names[below] in through:
        below = _input(walked, below)
    return below


def reached(walked: Walk, starts: Iterable[int], through: frozenset[str]) -> Iterator[int]:
    """The nodes that are reached from some, each once, nearest first.

    Args:
        walked: The graph of the loss.
        starts: Indices of the first nodes; leaves are left out.
        through: Names of the nodes that are passed; of a product only with data or a number.
    """
    queue = [i for i in starts if i >= 0]
    seen = set(queue)
    while queue:
        i = queue.pop(0)
        yield i
        below = [j for j in walked.inputs[i] if j is not None and j >= 0]
        if walked.names[i] in through and not (walked.names[i] == "Mul" and len(below) > 1):
            queue.extend(j for j in below if j not in seen)
            seen.update(below)


def leading_to(
    walked: Walk, starts: Iterable[int], stops: frozenset[str] = frozenset()
) -> set[int]:
    """Some nodes, and all that lead to them.

    Args:
        walked: The graph of the loss.
        starts: Indices of the nodes.
        stops: Names of nodes behind which nothing counts.
    """
    waiting = list(starts)
    seen = set(waiting)
    while waiting:
        at = waiting.pop()
        if walked.names[at] in stops:
            continue
        found = {i for i in walked.inputs[at] if i is not None and i >= 0} - seen
        seen |= found
        waiting += found
    return seen


def before_expand(walked: Walk, i: int) -> tuple[int, Shape]:
    """A value's node (or leaf) and its shape before it was broadcast.

    Args:
        walked: The graph of the loss.
        i: Index of a node; leaf `k` is -1 - k.
    """
    below = walked.inputs[i][0] if i >= 0 and walked.names[i] == "Expand" else None
    if below is not None:
        return below, tuple(int(n) for n in walked.nodes[i]._saved_self_sym_sizes)
    return i, walked.shape(i) if i >= 0 else walked.leaf_shape(-1 - i)


def numel(shape: Shape) -> int:
    """Number of elements of a tensor of this shape."""
    return int(np.prod(shape)) if shape else 1


def _input(walked: Walk, i: int) -> int | None:
    return next((j for j in walked.inputs[i] if j is not None and j >= 0), None)
