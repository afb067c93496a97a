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
from lifesigns.record.loss.sources import leading_to
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

    Weights that another term holds by their size or square are left out: `|w| - w` has a minimum.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        penalties: What of the loss depends on parameters alone.
    """
    summed = _summed(walked, penalties)
    maps = {parameter_of(walked, one) for one in products(walked)} if summed else set()
    weights = [(walked.leaves[k], factor) for k, factor in summed.items() if k in maps]
    known = [(value, c) for leaf, c in weights if (value := readable(leaf)) is not None]
    if not known:
        return None
    each = [_counted(value.detach(), factor) for value, factor in known]
    return PendingPenalty(pack.add(torch.stack(each).sum(0)))


def _summed(walked: Walk, penalties: Iterable[Penalty]) -> dict[int, float]:
    """The parameters that are only multiplied by numbers and added, with their factors."""
    stack, held = list(penalties), set()
    found: dict[int, float] = {}
    while stack:
        i, factor = stack.pop()
        if i < 0:
            found[-1 - i] = factor
        elif (parts := parts_of(walked, i, factor)) is not None:
            stack.extend(Penalty(*part) for part in parts)
        else:
            held |= {-1 - j for at in leading_to(walked, [i]) for j in _leaves(walked, at)}
    return {
        k: factor
        for k, factor in found.items()
        if factor and k not in held and isinstance(walked.leaves[k], nn.Parameter)
    }


def _leaves(walked: Walk, i: int) -> Iterator[int]:
    return (j for j in walked.inputs[i] if j is not None and j < 0)


def _counted(weight: Tensor, factor: float) -> Tensor:
    total = factor * weight.sum().double()
    return torch.stack([torch.full_like(total, weight.numel()), total, (weight < 0).sum()])
