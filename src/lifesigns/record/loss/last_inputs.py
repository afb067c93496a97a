"""Whether what a network is to predict is the last of the values that it is given."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import ABOVE, PASSING, reached
from lifesigns.record.loss.summands import OF_NUMBERS, residual_below
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST = 8
"""Targets of a batch."""
MOST_ELEMENTS, MOST_NODES = 1 << 22, 16
_SQUARES = frozenset({"Abs", "Mul", "Pow"})


class PendingLast(NamedTuple):
    """How far targets are from the last inputs, still on the device."""

    slot: int
    dims: tuple[int, ...]
    """The dimensions of the input along which something is last."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the least distance, along which dimension, and the targets' range.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        spread, *apart = arrays[self.slot].tolist()
        nearest = int(np.argmin(apart))
        return {
            "last_input_apart": apart[nearest],
            "last_input_dim": float(self.dims[nearest]),
            "targets_apart": spread,
        }


def compares_numbers(walked: Walk) -> bool:
    """Whether a loss may be a regression.

    Args:
        walked: Its graph.
    """
    return not OF_NUMBERS.isdisjoint(walked.names) or not _SQUARES.isdisjoint(walked.names)


def last_inputs(
    pack: Pack, walked: Walk, batch: Tensor | None, prediction: Prediction | None
) -> PendingLast | None:
    """Compares the targets of a regression with what is last in the input, along each dimension.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        batch: What the network was given.
        prediction: What it made of it.

    Returns:
        None where the loss is no regression, or nothing of the input has the form of its targets.
    """
    if batch is None or not batch.is_floating_point() or batch.dim() < 2:
        return None
    target = target_of(walked, prediction) if is_readable(batch) else None
    if target is None or not FEWEST <= target.numel() < batch.numel() <= MOST_ELEMENTS:
        return None
    if target.device != batch.device:
        return None
    found = list(_distances(batch.detach(), target.detach()))
    if not found:
        return None
    apart = [distance for _, distance in found]
    spread = target.detach().amax() - target.detach().amin()
    return PendingLast(pack.add(torch.stack([spread, *apart])), tuple(dim for dim, _ in found))


def _distances(batch: Tensor, target: Tensor) -> Iterator[tuple[int, Tensor]]:
    """For each dimension, how far all targets are from the last values along it."""
    wanted = target.squeeze()
    for dim in range(0 if batch.dim() > 2 else 1, batch.dim()):
        last = batch.select(dim, -1).squeeze()
        if last.shape == wanted.shape:
            yield dim, (last - wanted).abs().amax()
        elif last.dim() == 2 and wanted.shape == last.shape[:1] and _is_longer(batch, dim, last):
            yield dim, (last - wanted[:, None]).abs().amax(0).amin()


def _is_longer(batch: Tensor, dim: int, last: Tensor) -> bool:
    """Whether a dimension is that of times, and what is left are a few features of each."""
    return batch.shape[dim] >= last.shape[1]


def target_of(walked: Walk, prediction: Prediction | None) -> Tensor | None:
    """What the output is compared with, where that is one comparison of numbers.

    Args:
        walked: The graph of the loss.
        prediction: The root module's output.
    """
    built_in = [i for i, name in enumerate(walked.names) if name in OF_NUMBERS]
    if built_in:
        target = saved(walked.nodes[built_in[0]], "target") if len(built_in) == 1 else None
        return target if isinstance(target, Tensor) and target.is_floating_point() else None
    if prediction is None or not prediction.value.is_floating_point():
        return None
    for i in islice(reached(walked, walked.roots, ABOVE), MOST_NODES):
        difference = residual_below(walked, i) if walked.names[i] in _SQUARES else None
        if difference is not None:
            return _subtracted(walked, i, difference, prediction)
    return None


def _subtracted(walked: Walk, i: int, difference: int, prediction: Prediction) -> Tensor | None:
    """The target of a residual, by the output that it was subtracted from, or the other way."""
    residual: Tensor | None = saved(walked.nodes[i], "self")
    output = prediction.value.detach()
    first, *rest = walked.inputs[difference]
    operand = first if first is not None else next(iter(rest), None)
    while operand is not None and operand >= 0 and not walked.makes(operand, prediction.node):
        operand = walked.inputs[operand][0] if walked.names[operand] in PASSING else None
    if operand is None or residual is None or residual.numel() != output.numel():
        return None
    output = output.reshape(residual.shape)
    minuend = (first is not None) == (walked.names[difference] == "Sub")
    return output - residual.detach() if minuend else output + residual.detach()
