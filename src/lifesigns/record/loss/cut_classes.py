"""Whether a view takes places of an image for its classes, right before a cross-entropy."""

from __future__ import annotations

from lifesigns.record.graph.operations import ACTIVATION_NODES, NAMED
from lifesigns.record.graph.walk import Walk
from lifesigns.records import Kind

VIEWS = frozenset({"ReshapeAlias", "UnsafeView", "View"})
SOFTMAX = frozenset({"LogSoftmax"})
CONVOLUTIONS = frozenset({"Convolution", "MkldnnConvolution"})
KEEPING = frozenset({Kind.NORM, Kind.POOLING, Kind.DROPOUT})


def cuts_classes(walked: Walk, loss: int) -> bool:
    """Whether rows of classes were cut out of `[samples, classes, *places]` as they lie in memory.

    A row then holds neighbouring places of one class, not the classes of one place.

    Args:
        walked: The graph.
        loss: Index of the node of a loss of class numbers.
    """
    if not walked.names[loss].startswith("Nll"):
        return False
    at, viewed = walked.inputs[loss][0], False
    while at is not None and at >= 0:
        name, below = walked.names[at], walked.inputs[at][0]
        if name in CONVOLUTIONS:
            return viewed
        if name in VIEWS and below is not None and below >= 0:
            viewed = viewed or _flattens(walked.shape(below), walked.shape(at))
        elif name not in SOFTMAX and not _keeps_layout(name):
            return False
        at = below
    return False


def _flattens(given: tuple[int, ...], made: tuple[int, ...]) -> bool:
    """Whether rows of the length of dimension 1 were made of more dimensions than two."""
    return len(given) > 2 and len(made) == 2 and made[1] == given[1] and made[0] > given[0]


def _keeps_layout(name: str) -> bool:
    kind = NAMED.get(name, (None, ""))[0]
    return kind in KEEPING or name in ACTIVATION_NODES or name.startswith("Upsample")
