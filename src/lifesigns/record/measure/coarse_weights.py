"""How many different numbers the weights of a pass are made of: few where they were quantised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_ordinary

SAMPLE, LEAVES = 48, 4
"""Numbers that are looked at, of one row each, for each row may have a scale of its own; and
weights: the largest."""


class PendingLevels(NamedTuple):
    """Numbers of weights, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: of how many numbers the weights are made, with the most and the least.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        levels = [_levels(row) for row in arrays[self.slot].reshape(-1, SAMPLE)]
        return {"weight_levels": float(max(levels)), "weight_levels_least": float(min(levels))}


def coarse_weights(pack: Pack, walked: Walk) -> PendingLevels | None:
    """Looks at the largest weights that the loss leads to.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        What tells how many different numbers they are made of; None if they are too small.
    """
    weights = [p for p in walked.leaves if isinstance(p, nn.Parameter) and _is_large(p)]
    if not weights:
        return None
    weights.sort(key=Tensor.numel, reverse=True)
    return PendingLevels(pack.add(torch.cat([_sample(p) for p in weights[:LEAVES]])))


def _levels(row: NDArray[np.float64]) -> int:
    """How many numbers but 0 there are, if each is there twice on average: pruned rows are not."""
    left = row[row != 0]
    different = len(np.unique(left))
    return different if 2 * different <= len(left) else SAMPLE


def _is_large(parameter: Tensor) -> bool:
    is_matrix = parameter.dim() > 1 and is_ordinary(parameter) and parameter.is_floating_point()
    return is_matrix and parameter.numel() >= SAMPLE * len(parameter) > 0


def _sample(parameter: Tensor) -> Tensor:
    return parameter.detach()[len(parameter) // 2].reshape(-1)[:SAMPLE].double()
