"""Whether outputs are nearer to their targets with two dimensions of these exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack

FEWEST = 4
"""Length of two dimensions from which it shows which is which."""
MOST_DIMENSIONS, MOST_ELEMENTS, MOST_PARTS = 3, 1 << 18, 64
"""Images are looked at by `turned`."""


class PendingExchange(NamedTuple):
    """How far outputs and targets are apart, still on the device."""

    slot: int
    pairs: tuple[tuple[int, int], ...]
    """The dimensions that are exchanged."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: the mean distance to targets, and to exchanged ones, if nearer.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        distance, *exchanged = arrays[self.slot].tolist()
        best = int(np.argmin(exchanged))
        if not exchanged[best] < distance:
            return {}
        first, second = self.pairs[best]
        return {
            "as_given": distance,
            "exchanged": exchanged[best],
            "exchanged_dim": float(first),
            "exchanged_with": float(second),
        }


def exchanged(pack: Pack, given: Tensor, target: Tensor) -> PendingExchange | None:
    """Distances of outputs to targets, as they are and with two dimensions exchanged.

    Args:
        pack: Where the numbers wait for the copy.
        given: What the network made.
        target: What it is compared with, of the same shape.

    Returns:
        None where no two dimensions are of one length.
    """
    if given.shape != target.shape or not 0 < given.numel() <= MOST_ELEMENTS:
        return None
    pairs = tuple(_alike(given))
    if not pairs:
        return None
    given, target = given.detach(), target.detach()
    each = [target, *(target.transpose(*pair) for pair in pairs)]
    distances = [(given - one).abs().mean(dtype=torch.float32) for one in each]
    return PendingExchange(pack.add(torch.stack(distances)), pairs)


def exchanged_parts(
    pack: Pack,
    walked: Walk,
    operand: int,
    residual: Tensor,
    prediction: Prediction | None,
    *,
    minuend: bool,
) -> PendingExchange | None:
    """The same of outputs that were stacked from parts, so far as these are kept by something.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        operand: Index of the node that made the outputs.
        residual: What they differ by from their targets.
        prediction: The root module's output.
        minuend: Whether the targets were subtracted from them.
    """
    if operand < 0 or walked.names[operand] != "Stack" or residual.numel() > MOST_ELEMENTS:
        return None
    if walked.shape(operand) != tuple(residual.shape):  # one was broadcast
        return None
    dim = signed(walked.nodes[operand]._saved_dim) % residual.dim()
    if not any(dim in pair for pair in _alike(residual)):
        return None
    known: dict[int, Tensor] = {}
    for k, part in enumerate(walked.inputs[operand][:MOST_PARTS]):
        value = None if part is None else value_of(walked, part, prediction)
        if value is not None and value.numel() * residual.shape[dim] == residual.numel():
            known[k] = value.detach()
    if len(known) < FEWEST:
        return None
    at = torch.tensor(list(known), device=residual.device)
    given, rest = torch.stack(list(known.values()), dim), residual.index_select(dim, at)
    if given.shape != rest.shape:
        return None
    target = given - rest if minuend else given + rest
    for other, length in enumerate(residual.shape):
        if other != dim and length == residual.shape[dim]:  # what is exchanged stays a square
            given, target = (side.index_select(other, at) for side in (given, target))
    return exchanged(pack, given, target)


def _alike(values: Tensor) -> Iterator[tuple[int, int]]:
    dims = range(values.dim() if values.dim() <= MOST_DIMENSIONS else 0)
    for first, second in combinations(dims, 2):
        if values.shape[first] == values.shape[second] >= FEWEST:
            yield first, second
