"""Along which dimension a network's output never differs, while its targets do."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.measure.reduce import Pack

MOST_ELEMENTS = 1 << 20
EQUAL = 1e-4
"""Of the largest difference: rows of one product may be rounded differently."""


class PendingSpreads(NamedTuple):
    """How far values are apart along each dimension, still on the device."""

    slot: int
    lengths: tuple[int, ...]
    """Of the dimensions; 0 for that of the classes."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: the dimension along which all is alike, and its length."""
        outputs, targets = arrays[self.slot].reshape(2, -1)
        least = EQUAL * max(outputs)
        for dim, length in enumerate(self.lengths):
            alike = length > 1 and outputs[dim] <= least < outputs[0]
            if dim and alike and targets[dim] > 0:
                return {"alike_along": float(dim), "alike_places": float(length)}
        return {}


def spreads(pack: Pack, output: Tensor, target: Tensor) -> PendingSpreads | None:
    """How far outputs, and targets, are apart along each dimension.

    Args:
        pack: Where the numbers wait for the copy.
        output: What the network made, `[samples, ...]`.
        target: What it is compared with, or a number that differs from it by the output: of as
            many elements, or a class for each place.

    Returns:
        None where the places of the two are not known to be the same.
    """
    output = output.detach()
    if output.dim() < 2 or not 0 < output.numel() <= MOST_ELEMENTS or target.is_complex():
        return None
    shape = tuple(output.shape)
    if max(shape[1:]) == 1:  # one number a sample is alike along nothing
        return None
    classes = None
    if target.numel() != output.numel() and (classes := _classes(shape, target)) is None:
        return None
    placed = target.detach().reshape([1 if d == classes else n for d, n in enumerate(shape)])
    each = [_spread(values, dim) for values in (output, placed) for dim in range(len(shape))]
    lengths = tuple([0 if d == classes else n for d, n in enumerate(shape)])
    return PendingSpreads(pack.add(torch.stack(each)), lengths)


def _classes(shape: tuple[int, ...], target: Tensor) -> int | None:
    """The dimension of the classes, where the target has one for each place."""
    for dim in (len(shape) - 1, 1):
        rest = (*shape[:dim], *shape[dim + 1 :])
        flat = tuple(target.shape) == (math.prod(rest),) and dim == len(shape) - 1
        if len(shape) > 2 and not target.is_floating_point() and (rest == target.shape or flat):
            return dim
    return None


def _spread(values: Tensor, dim: int) -> Tensor:
    return (values.amax(dim).float() - values.amin(dim).float()).amax()
