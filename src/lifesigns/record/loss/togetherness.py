"""How far the targets of one sample go together, which independent numbers do not."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.measure.reduce import Pack

FEWEST, MOST_ROWS, MOST_COLUMNS = 16, 256, 64
"""Samples, and numbers of each, that are looked at: neighbours, which are most alike."""


class PendingTogether(NamedTuple):
    """The squared correlations of all pairs of numbers, still on the device."""

    slot: int
    columns: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The detail of a loss: by how many standard errors they are beyond chance, if known.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        pairs = self.columns * (self.columns - 1) / 2
        squares = float(arrays[self.slot][0])
        beyond = (squares - pairs) / math.sqrt(2 * pairs)
        return {"targets_together": beyond} if math.isfinite(beyond) else {}


def together(pack: Pack, given: Tensor, target: Tensor) -> PendingTogether | None:
    """Looks at the numbers of each target in pairs.

    The sum over pairs of `n` times the square of their correlation, with the mean of all numbers
    for that of each: of `n` independent normal rows a chi-square of one degree for each pair, but
    for the few of `n`.

    Args:
        pack: Where the number waits for the copy.
        given: What the network made.
        target: What it is compared with, `[samples, ...]`.

    Returns:
        None where a target has one number, or there are few.

    Cost: one product of 64 x 256 by 256 x 64 numbers.
    """
    if target.dim() < 2 or target.shape != given.shape or len(target) < FEWEST:
        return None
    if target.is_complex() or target[0].numel() < 2:
        return None
    rows = target.detach()[:MOST_ROWS].flatten(1)[:, :MOST_COLUMNS].float()
    rows = rows - rows.mean()
    gram = rows.T @ rows
    sizes = gram.diagonal().clamp_min(torch.finfo(torch.float32).tiny)
    squares = gram.square() / sizes.unsqueeze(1) / sizes
    above = squares.triu(1).sum().reshape(1) * len(rows)
    return PendingTogether(pack.add(above), rows.shape[1])
