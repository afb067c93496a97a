"""Columns of the data that a flow leaves as they are, on their way to its density."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.log_scales import may_scale
from lifesigns.record.loss.sources import ABOVE, reached
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST, MOST_ROWS, MOST_COLUMNS = 8, 128, 64
"""Rows that are needed, and how many of them, and which columns, are compared."""
MOST_NODES = 64
COLUMNS, PASSED = "columns", "columns_passed"


class PendingColumns(NamedTuple):
    """How many columns are what they were, still on the device."""

    slot: int
    columns: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many columns there are, and how many reach it as they are.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        return {COLUMNS: float(self.columns), PASSED: float(arrays[self.slot][0])}


def passed_columns(pack: Pack, walked: Walk, batch: Tensor | None) -> PendingColumns | None:
    """Compares what a loss squares, in the form of the batch, with the batch, column by column.

    Args:
        pack: Where the count waits for the copy.
        walked: The graph of the loss.
        batch: What the network was given.

    Returns:
        None where nothing of this form is squared, or nothing multiplies by a scale.

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
    same = (made[:, :, None] == given[:, None, :]).all(0) & varied
    return PendingColumns(pack.add(same.any(1).sum().reshape(1)), batch.shape[1])


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
