"""Whether a network keeps samples apart whatever its weights are: its operations may tell.

The samples lie along dimension 0, each as one block of rows, in the order of the batch; most
operations leave each block to itself. Where all do, nothing need be sent back to find out. What is
not known here says nothing, and is asked; see `mixing`.
"""

from __future__ import annotations

from collections.abc import Set

from lifesigns.record.graph.operations import (
    ACTIVATION_NODES,
    ATTENTION_PREFIX,
    NAMED,
    signed,
)
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.records import Kind

BY_ELEMENT = frozenset(
    {*ACTIVATION_NODES, "Abs", "Add", "Div", "Mul", "NativeDropout", "Neg", "Pow", "Rsub", "Sqrt"}
    | {"Sub"}
) - {"Amax", "Glu", "Max"}
"""What makes a number of those at its own place."""
IN_ORDER = frozenset(
    {"Alias", "Clone", "ReshapeAlias", "Squeeze", "UnsafeView", "Unsqueeze", "View"}
)
"""What leaves all numbers in their order, in whatever shape."""
OF_ROWS = {"Addmm": -2, "Mm": -2, "Convolution": 0, "MkldnnConvolution": 0}
"""What multiplies rows by weights; which of its inputs the rows are."""
ALONG = frozenset(
    {"Cat", "LogSoftmax", "Mean", "SafeSoftmax", "Select", "Slice", "Softmax", "Split"}
    | {"SplitWithSizes", "Sum", "Transpose", "Unbind", "UnsafeSplit"}
)
"""What takes numbers together, or moves them, along the dimensions that it is told."""
BY_ROW = frozenset({"Bmm", "Embedding", "Expand", "NativeBatchNorm", "NativeGroupNorm"})
"""What never does along dimension 0; statistics of a batch count as constants."""


def kept_apart(walked: Walk, weight_like: Set[int], start: int, samples: int) -> set[int] | None:
    """The nodes that an output is computed by, if they are certain to keep the samples apart.

    Args:
        walked: The graph.
        weight_like: Nodes computed from parameters alone.
        start: Index of the node that made the output, `[samples, ...]`.
        samples: Length of the batch.

    Returns:
        None where that is not certain.
    """
    reached, waiting = {start}, [start]
    while waiting:
        index = waiting.pop()
        data = [i for i in walked.inputs[index] if i is not None and i >= 0]
        data = [i for i in data if i not in weight_like]
        if not _keeps_apart(walked, index, data, samples):
            return None
        waiting += [i for i in data if i not in reached]
        reached.update(data)
    return reached


def _keeps_apart(walked: Walk, index: int, data: list[int], samples: int) -> bool:
    """Whether a node keeps the samples apart that its inputs keep apart.

    Args:
        walked: The graph.
        index: Of the node.
        data: Its inputs that are not computed from parameters alone.
        samples: Length of the batch.
    """
    name, shape = walked.names[index], walked.shape(index)
    if not shape or shape[0] % samples or hasattr(type(walked.nodes[index]), "_forward_cls"):
        return False
    if name in IN_ORDER:
        return True
    if name in OF_ROWS:
        rows = walked.inputs[index][OF_ROWS[name]]
        return data == ([] if rows is None or rows < 0 else [rows])
    given = [walked.shape(i) for i in data]
    if name in BY_ELEMENT:
        return all(one == shape for one in given)
    if any(one[:1] != shape[:1] for one in given):
        return False
    if name in ALONG or name == "Permute":
        return bool(given) and _leaves_the_first(name, walked.nodes[index], len(given[0]))
    if name == "NativeLayerNorm":
        return len(saved(walked.nodes[index], "normalized_shape")) < len(shape)
    if name == "Expand":
        return all(len(one) == len(shape) for one in given)
    pools = len(shape) > 3 and NAMED.get(name, (None,))[0] is Kind.POOLING
    return name in BY_ROW or pools or name.startswith(ATTENTION_PREFIX)


def _leaves_the_first(name: str, node: object, rank: int) -> bool:
    """Whether an operation on dimensions of inputs of that rank leaves dimension 0 alone."""
    if name == "Permute":
        return signed(saved(node, "dims")[0]) % rank == 0
    told = [saved(node, what) for what in ("dim", "dim0", "dim1")]
    dims = [d for one in told for d in (one if isinstance(one, tuple) else (one,)) if d is not None]
    return bool(dims) and all(signed(d) % rank for d in dims)
