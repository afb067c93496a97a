"""Rows that a view puts in groups and a mean averages: whether those of a group are alike.

`rows.view(k, n, d).mean(0)` averages each n-th row, `rows.view(n, k, d).mean(1)` k rows that follow
one another. One of them fits how the rows lie, by turns or by classes; both have the same shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import VIEWS, signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.remade import remade
from lifesigns.record.loss.sources import numel
from lifesigns.record.measure.reduce import Pack

MOST_ELEMENTS = 1 << 18
USED, OTHERWISE = "rows_grouped", "rows_otherwise"


class PendingGroups(NamedTuple):
    """How alike the rows of a group are, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: both ratios of variances, of the groups and of the other order.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        return dict(zip((USED, OTHERWISE), arrays[self.slot].tolist(), strict=True))


def grouped_rows(pack: Pack, walked: Walk) -> PendingGroups | None:
    """The variance between groups over that within them, about 1 if groups are drawn by chance.

    Args:
        pack: Where the ratios wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where no mean is taken over an axis that a view made of rows.

    Cost: two variances of the rows, and of a last layer that nothing keeps its product, or pool.
    """
    for i, name in enumerate(walked.names):
        axis = _axis(walked, i) if name == "Mean" else None
        rows = None if axis is None else _rows(walked, i)
        if axis is not None and rows is not None:
            view = rows[0].reshape(rows[1])
            count, members = view.shape[1 - axis], view.shape[axis]
            turns = view.reshape(members, count, -1).transpose(0, 1)
            sequences = view.reshape(count, members, -1)
            order = (turns, sequences) if axis == 0 else (sequences, turns)
            return PendingGroups(pack.add(torch.stack([_ratio(groups) for groups in order])))
    return None


def _axis(walked: Walk, i: int) -> int | None:
    """Over which of the two first axes a mean is taken; None if it is another, or several."""
    dims = saved(walked.nodes[i], "dim")
    known = isinstance(dims, tuple) and len(dims) == 1
    axis = signed(int(dims[0])) if known else -1
    return axis if axis in (0, 1) else None


def _rows(walked: Walk, i: int) -> tuple[Tensor, tuple[int, ...]] | None:
    """The rows below a view, and what it makes of them: two axes of the first one."""
    view = walked.inputs[i][0]
    below = walked.inputs[view][0] if view is not None and view >= 0 else None
    if view is None or below is None or below < 0 or walked.names[view] not in VIEWS:
        return None
    number = int(walked.nodes[view].next_functions[0][1])
    shape, given = walked.shape(view), walked.shape(below, number)
    made = len(shape) > 2 and given == (shape[0] * shape[1], *shape[2:]) and min(shape[:2]) > 1
    if not made or numel(given) > MOST_ELEMENTS:
        return None
    rows = remade(walked, below, number)
    return None if rows is None else (rows.float(), shape)


def _ratio(groups: Tensor) -> Tensor:
    """Of variances, over all columns: shape `[groups, members, columns]`."""
    between = groups.shape[1] * groups.mean(1).var(0).sum()
    return between / groups.var(1).mean(0).sum()
