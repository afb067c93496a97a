"""Whether a view takes places for the classes, or for the numbers, of one place before a loss.

A convolution lays what belongs to one place along dimension 1, a linear map along the last. A view
keeps the order of memory: rows cut out of the first hold neighbouring places, and the second does
not get its classes to dimension 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from lifesigns.record.graph.operations import (
    ACTIVATION_NODES,
    FUSED_RECURRENT,
    LINEAR_MAPS,
    NAMED,
    VIEWS,
)
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.sequence_rows import is_bias
from lifesigns.records import Kind

SOFTMAX = frozenset({"LogSoftmax"})
CONVOLUTIONS = frozenset({"Convolution", "MkldnnConvolution"})
MAPS = frozenset({"Addmm", "Mm", "Linear", "MkldnnLinear"})
PICKING = frozenset({"Index", "IndexSelect", "MaskedSelect"})
KEEPING = frozenset({Kind.NORM, Kind.POOLING, Kind.DROPOUT})
COPYING = frozenset({"Alias", "Clone", "Contiguous", "ToCopy"})
"""What hands on every number in its place; a view of what lies in another order copies it first."""

Sizes = tuple[int, ...]


def cut_classes(walked: Walk, loss: int) -> dict[str, float]:
    """Marks of a loss: what its rows, or its classes, were cut out of as they lie in memory.

    Args:
        walked: The graph.
        loss: Index of the node of a data term.
    """
    if walked.names[loss].startswith("Nll"):
        return _of_classes(walked, loss)
    numbers = _of_boxes(walked, loss)
    return {"cut_numbers": float(numbers)} if numbers else {}


# --- the classes of a cross-entropy
def _of_classes(walked: Walk, loss: int) -> dict[str, float]:
    at, cut, exchanged = walked.inputs[loss][0], False, 0
    while at is not None and at >= 0:
        name, below = walked.names[at], walked.inputs[at][0]
        if name in CONVOLUTIONS:
            return {"cut_classes": 1.0} if cut else {}
        if name in MAPS:
            fits = exchanged and walked.shape(at)[-1:] == (exchanged,)
            return {"exchanged_classes": float(exchanged)} if fits else {}
        if name in VIEWS and below is not None and below >= 0:
            given, made = walked.shape(below), walked.shape(at)
            cut = cut or _flattens(given, made)
            exchanged = exchanged or _exchanges(given, made)
        elif name not in SOFTMAX and not (_keeps_layout(name) or is_bias(walked, at)):
            return {}
        at = below
    return {}


def _flattens(given: Sizes, made: Sizes) -> bool:
    """Whether rows of the length of dimension 1 were made of more dimensions than two."""
    return len(given) > 2 and len(made) == 2 and made[1] == given[1] and made[0] > given[0]


def _exchanges(given: Sizes, made: Sizes) -> int:
    """How many classes go from the last dimension to dimension 1 by their sizes alone, or 0.

    As many places as classes say nothing: the view may be the layer's own.
    """
    if len(given) < 2 or len(made) < 3 or made[1] != given[-1] or made[1] == made[-1]:
        return 0
    samples, classes, *places = made
    rows = samples * math.prod(places)
    has_rows = given[0] in (samples, rows) and math.prod(given[:-1]) == rows
    return classes if has_rows and min(classes, math.prod(places)) > 1 else 0


# --- the numbers of boxes
class Rows(NamedTuple):
    """Rows that a view cuts out of the output of a convolution, as they lie in memory."""

    channels: int
    places: Sizes
    number: int
    """Of one sample."""
    length: int

    @property
    def are_of_anchors(self) -> bool:
        """Whether there are as many rows as places for each group of so many channels."""
        places = math.prod(self.places)
        fills = self.number * self.length == self.channels * places
        return fills and self.channels % self.length == 0 and self.length != places

    @property
    def straddle(self) -> bool:
        """Whether the end of a row is not that of a line of places, or of a part of one."""
        left = self.length
        for size in reversed(self.places):
            if left % size:
                return size % left != 0
            left //= size
        return False


def _of_boxes(walked: Walk, loss: int) -> int:
    """How long the rows are that a loss picks some of, if a row holds places and no numbers of one.

    Where all rows count, output and target may well be viewed alike. The rows of another head, as
    many of them over the same places, tell that each stands for one of several anchors.
    """
    if PICKING.isdisjoint(walked.names):
        return 0
    for view in _picked_views(walked, loss):
        rows = _rows(walked, view)
        if rows is None or rows.length < 2 or not rows.are_of_anchors:
            continue
        others = (_rows(walked, i) for i, name in enumerate(walked.names) if name in VIEWS)
        if rows.straddle or any(_stands_beside(rows, other) for other in others):
            return rows.length
    return 0


def _picked_views(walked: Walk, loss: int) -> Iterator[int]:
    """The views from which a loss picks rows, with no layer in between."""
    stack, seen = [(loss, False)], set()
    while stack:
        at, picked = stack.pop()
        for below in walked.inputs[at]:
            if below is None or below < 0 or (below, picked) in seen:
                continue
            seen.add((below, picked))
            name = walked.names[below]
            if picked and name in VIEWS:
                yield below
            if name not in _LAYERS:
                stack.append((below, picked or name in PICKING))


def _rows(walked: Walk, view: int) -> Rows | None:
    """What a view makes of a convolution's output; None if it views another, or no places."""
    at = walked.inputs[view][0]
    given = walked.shape(at) if at is not None and at >= 0 else ()
    while at is not None and at >= 0 and walked.names[at] not in CONVOLUTIONS:
        at = walked.inputs[at][0] if _keeps_layout(walked.names[at]) else None
    if at is None or at < 0 or len(given) < 3 or math.prod(given[2:]) < 2:
        return None
    samples, channels, *places = given
    made = walked.shape(view)
    if len(made) == 2 and made[0] == samples:
        return Rows(channels, tuple(places), made[1], 1)
    if made[-1:] == (0,) or len(made) not in (2, 3):
        return None
    return Rows(channels, tuple(places), math.prod(made[:-1]) // samples, made[-1])


def _stands_beside(rows: Rows, other: Rows | None) -> bool:
    """Whether these are the rows of another head, with as many anchors at the same places."""
    if other is None or other.length == rows.length or not other.are_of_anchors:
        return False
    return (other.number, other.places) == (rows.number, rows.places)


def _keeps_layout(name: str) -> bool:
    kind = NAMED.get(name, (None, ""))[0]
    return (
        name in COPYING
        or kind in KEEPING
        or name in ACTIVATION_NODES
        or name.startswith("Upsample")
    )


_LAYERS = CONVOLUTIONS | LINEAR_MAPS.keys() | FUSED_RECURRENT
