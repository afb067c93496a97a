"""Whether the two views that a contrastive loss compares are one and the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import LINEAR_MAPS
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PARTS, PASSING, leading_to, reached
from lifesigns.record.measure.reduce import Pack

SOFTMAX = frozenset({"LogSoftmax", "Logsumexp", "Softmax"})
BY_HAND = frozenset({"Exp", "Log"})
"""What a softmax that is written by hand is made of."""
_ABOVE = PARTS | {
    "Add", "Diagonal", "Div", "Gather", "Index", "Log", "MaskedFill", "MaskedSelect", "Mean", "Mul",
    "Neg", "NllLoss", "Sub", "Sum",
}  # fmt: skip
"""What stands between a loss and the softmax that it is made of."""
_BELOW = PASSING | {"CopySlices", "Div", "Index", "MaskedFill", "Mul", "Sub", "Where"}
"""What stands between a softmax and the products of embeddings: a temperature, a mask."""
_PRODUCTS = frozenset({"Mm", "Bmm"})
_LAYERS = frozenset(LINEAR_MAPS) | {"Convolution", "Embedding", "MkldnnConvolution"}
"""What makes embeddings."""
FEWEST = 4
"""Rows, of which it can be told."""
MOST_NODES, MOST_ELEMENTS = 64, 1 << 22


class PendingViews(NamedTuple):
    """How far views are apart, still on the device."""

    slot: int
    samples: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many pairs there are, and how far they and samples are apart.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        apart, spread = arrays[self.slot].tolist()
        return {"views": float(self.samples), "views_apart": apart, "samples_apart": spread}


def equal_views(pack: Pack, walked: Walk) -> PendingViews | None:
    """Compares the embeddings whose products are the logits of a softmax in the loss.

    They are two views where each comes from layers of its own, or from a call of its own of the
    same ones; and where all are multiplied by all, the first half and the second.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.

    Returns:
        None where no softmax is made of products of two embeddings.
    """
    if _PRODUCTS.isdisjoint(walked.names):
        return None
    if SOFTMAX.isdisjoint(walked.names) and not BY_HAND.issubset(walked.names):
        return None
    for product in _products(walked):
        views = _views(walked, product)
        if views is not None:
            one, other = views
            apart = [(one - other).abs().amax(), (one - one.roll(1, 0)).abs().amax()]
            return PendingViews(pack.add(torch.stack(apart).float()), len(one))
    return None


def _products(walked: Walk) -> Iterator[int]:
    """The products that are the logits of a softmax, with no layer between this and the loss."""
    above = list(islice(reached(walked, walked.roots, _ABOVE), MOST_NODES))
    for softmax in (i for i in above if walked.names[i] in SOFTMAX or walked.names[i] == "Exp"):
        logits = [j for j in walked.inputs[softmax] if j is not None]
        below = islice(reached(walked, logits, _BELOW), MOST_NODES)
        yield from (i for i in below if walked.names[i] in _PRODUCTS)


def _views(walked: Walk, product: int) -> tuple[Tensor, Tensor] | None:
    """The embeddings of two views, `[samples, features]`."""
    factors = walked.inputs[product][-2:]
    layers = [_layers(walked, i) for i in factors if i is not None and i >= 0]
    if len(layers) < len(factors) or not all(layers):  # data, or weights
        return None
    rows, columns = _rows(walked, product)
    if rows is None or columns is None or rows.shape != columns.shape:
        return None
    if len(rows) < FEWEST or rows.numel() > MOST_ELEMENTS:
        return None
    if layers[0].isdisjoint(layers[1]):
        return rows, columns
    half, rest = divmod(len(rows), 2)
    return (rows[:half], rows[half:]) if layers[0] == layers[1] and not rest else None


def _rows(walked: Walk, product: int) -> tuple[Tensor | None, Tensor | None]:
    """The embeddings on both sides of a product, `[samples, features]`."""
    node = walked.nodes[product]
    left, right = saved(node, "self"), saved(node, "mat2")
    if left is None or right is None:
        return None, None
    left, right = left.detach(), right.detach().mT
    if left.dim() == 3:  # as einsum makes it of two matrices
        if len(left) != 1:
            return None, None
        left, right = left[0], right[0]
    return left, right


def _layers(walked: Walk, i: int) -> set[int]:
    """The layers that an embedding was made by last."""
    return {j for j in leading_to(walked, [i], _LAYERS) if walked.names[j] in _LAYERS}
