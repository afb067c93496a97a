"""Columns of the data that a flow leaves as they are, on their way to its density.

Layers that scale and shift each column by numbers of their own, as ActNorm and batch normalisation
do, make an affine function of a column. Its distribution keeps its form; what a coupling changes is
such a function of none, as it depends on other columns.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.log_scales import may_scale, scales_in_turn
from lifesigns.record.loss.sources import ABOVE, reached
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST, MOST_ROWS, MOST_COLUMNS = 8, 128, 64
"""Rows that are needed, and how many of them, and which columns, are compared."""
MOST_NODES = 64
EXACT = frozenset({torch.float32, torch.float64})
"""Numbers fine enough to tell a function of one column from one of several."""
COLUMNS, PASSED, SCALED = "columns", "columns_passed", "columns_scaled"
ROUNDINGS = 16
"""By how many roundings of its largest number a column may be off an affine function."""


class PendingColumns(NamedTuple):
    """How many columns are what they were, still on the device."""

    slot: int
    columns: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many columns there are, how many pass, how many of these scaled.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        passed, scaled = arrays[self.slot].tolist()
        return {COLUMNS: float(self.columns), PASSED: passed, SCALED: scaled}


def passed_columns(
    pack: Pack, walked: Walk, batch: Tensor | None, fixed: AbstractSet[int]
) -> PendingColumns | None:
    """Compares what a loss squares, in the form of the batch, with the batch, column by column.

    Args:
        pack: Where the counts wait for the copy.
        walked: The graph of the loss.
        batch: What the network was given.
        fixed: Nodes that depend on parameters alone.

    Returns:
        None where nothing of this form is squared, or nothing multiplies by a scale. A column that
        was scaled and shifted counts where several layers multiply by scales of their own: one
        alone may have none before it to depend on, as the first of an autoregression.

    Cost: the nodes next to the loss; in a flow, all pairs of columns of a few rows.
    """
    if batch is None or batch.dim() != 2 or not 2 <= batch.shape[1] <= MOST_COLUMNS:
        return None
    if len(batch) < FEWEST or not is_readable(batch) or not may_scale(walked):
        return None
    squared = _squared(walked, batch)
    if squared is None:
        return None
    given, made = batch.detach()[:MOST_ROWS], squared[:MOST_ROWS]
    varied = given.amax(0) > given.amin(0)
    same = ((made[:, :, None] == given[:, None, :]).all(0) & varied).any(1)
    affine = same
    if made.dtype == given.dtype and made.dtype in EXACT and scales_in_turn(walked, fixed):
        affine = same | (_affine(made, given) & varied).any(1)
    counts = torch.stack([affine.sum(), (affine & ~same).sum()])
    return PendingColumns(pack.add(counts), batch.shape[1])


def _affine(made: Tensor, given: Tensor) -> Tensor:
    """Whether a column is a multiple of another, and a number: `[columns made, columns given]`."""
    y, x = made - made.mean(0), given - given.mean(0)
    factors = (y.T @ x) / x.square().sum(0)
    off = (y[:, :, None] - factors * x[:, None, :]).abs().amax(0)
    largest = made.abs().amax(0)[:, None] + factors.abs() * given.abs().amax(0)
    return (off <= ROUNDINGS * torch.finfo(made.dtype).eps * largest) & (factors != 0)


def _squared(walked: Walk, batch: Tensor) -> Tensor | None:
    """What is squared next to the loss, and is no target less a prediction."""
    for i in islice(reached(walked, walked.roots, ABOVE), MOST_NODES):
        inputs = walked.inputs[i]
        is_square = walked.names[i] == "Mul" and len(inputs) == 2 and inputs[0] == inputs[1]
        if not (is_square or (walked.names[i] == "Pow" and inputs[0] is not None)):
            continue
        value = saved(walked.nodes[i], "self")
        below = inputs[0]
        if below is None or below < 0 or not isinstance(value, Tensor):
            continue
        from_data = walked.names[below] in ("Sub", "Rsub") and walked.inputs[below][0] is None
        if value.shape == batch.shape and value.device == batch.device and not from_data:
            return value.detach()
    return None
