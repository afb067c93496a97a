"""A penalty that is a plain sum of weights: it has no minimum, and pushes all of them one way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.products import parameter_of, products
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.summands import Penalty, parts_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import readable


class PendingPenalty(NamedTuple):
    """What is summed, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many weights are summed, their sum, and how many are below 0.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        words = ("signed_weights", "signed_sum", "signed_below")
        return dict(zip(words, arrays[self.slot].tolist(), strict=True))


def signed_penalty(pack: Pack, walked: Walk, penalties: Iterable[Penalty]) -> PendingPenalty | None:
    """The weights of linear maps that a penalty adds up as they are, without size or square.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        penalties: What of the loss depends on parameters alone.
    """
    summed = {k: factor for k, factor in _summed(walked, penalties) if factor}
    maps = {parameter_of(walked, one) for one in products(walked)} if summed else set()
    weights = [(walked.leaves[k], factor) for k, factor in summed.items() if k in maps]
    known = [(value, c) for leaf, c in weights if (value := readable(leaf)) is not None]
    if not known:
        return None
    each = [_counted(value.detach(), factor) for value, factor in known]
    return PendingPenalty(pack.add(torch.stack(each).sum(0)))


def _summed(walked: Walk, penalties: Iterable[Penalty]) -> Iterator[tuple[int, float]]:
    """The parameters that are only multiplied by numbers and added, with their factors."""
    stack = list(penalties)
    while stack:
        i, factor = stack.pop()
        if i >= 0:
            stack.extend(Penalty(*part) for part in parts_of(walked, i, factor) or ())
        elif isinstance(walked.leaves[-1 - i], nn.Parameter):
            yield -1 - i, factor


def _counted(weight: Tensor, factor: float) -> Tensor:
    total = factor * weight.sum().double()
    return torch.stack([torch.full_like(total, weight.numel()), total, (weight < 0).sum()])
