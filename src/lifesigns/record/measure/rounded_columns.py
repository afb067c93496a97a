"""Columns of the batch that lie so far from 0 that float32 has few numbers left for them.

Near 2,457,000, a Julian date, the numbers of float32 are a quarter apart: of the time of day four
values are left, whatever is subtracted later. In such a column neighbours are one spacing apart,
and what it varies by is few spacings. Whole numbers that are counted one by one are not rounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

ROWS, COLUMNS = 1024, 64
"""That are looked at."""
FEWEST = 16
"""Different values of a column; fewer may be those of one number that was computed in many ways."""
LEAST, MOST = 16, 4096
"""Spacings in the deviation of a column: fewer may be errors of rounding, of more enough is left.
MOST is 12 bits; float32 has 24."""
BITS = 24
"""Of a number in float32."""
MARK, SPACING, LEVEL, LEFT, NEXT = (
    "rounded_column", "rounded_spacing", "rounded_level", "rounded_left", "rounded_next",
)  # fmt: skip


class PendingRounded(NamedTuple):
    """Five numbers of each column, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the column that has the fewest spacings left; empty where none is so.

        Then how far the numbers of float32 are apart there, its mean, its deviation in spacings,
        and how many spacings the nearest two different values are apart.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        spacing, mean, deviation, nearest, kinds = arrays[self.slot].reshape(5, -1)
        with np.errstate(all="ignore"):
            left, apart = deviation / spacing, nearest / spacing
        # Whole numbers one apart are those that were meant.
        rounded = (spacing != 1) & (kinds >= FEWEST) & (left >= LEAST) & (left <= MOST)
        if not rounded.any():
            return {}
        column = int(np.where(rounded, left, np.inf).argmin())
        found = (column, spacing[column], mean[column], left[column], apart[column])
        return dict(zip((MARK, SPACING, LEVEL, LEFT, NEXT), map(float, found), strict=True))


def rounded_columns(pack: Pack, batch: Tensor | None) -> PendingRounded | None:
    """Looks at the columns of what the root module is given.

    Args:
        pack: Where the numbers wait for the copy.
        batch: `[rows, columns]`, or rows alone; of sequences each place is a row.

    Returns:
        None for other shapes and types, and where there are few rows.

    Cost: a sort of a thousand rows, where some number is beyond 2,048 times the deviation.
    """
    if batch is None or batch.dtype != torch.float32 or not 1 <= batch.dim() <= 3:
        return None
    if not batch.numel() or not is_readable(batch):
        return None
    table = batch.detach().reshape(-1, batch.shape[-1] if batch.dim() > 1 else 1)
    table = table[:: -(-len(table) // ROWS), :COLUMNS].double()
    if len(table) < FEWEST:
        return None
    mean, deviation = table.mean(0), table.std(0)
    far = (mean.abs() > deviation * (2**BITS / (4 * MOST))) & (deviation > 0)
    if table.is_cpu and not bool(far.any()):
        return None
    gaps = table.sort(0).values.diff(dim=0)
    nearest = torch.where(gaps > 0, gaps, torch.inf).amin(0)
    kinds = (gaps > 0).sum(0) + 1
    exponent = torch.frexp(table.abs().amin(0)).exponent
    spacing = torch.ldexp(torch.ones_like(mean), exponent - BITS)
    kinds = torch.where(far, kinds, 0)
    rows = (spacing, mean, deviation, nearest, kinds.double())
    return PendingRounded(pack.add(torch.cat(rows)))
