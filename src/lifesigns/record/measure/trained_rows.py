"""Whether the rows of a table were trained on: some of an early batch, told again by their bits."""

from __future__ import annotations

import torch
from torch import Tensor

ROWS, COLUMNS = 128, 64
"""Rows of the first recorded batch that are kept, and columns of each by which it is told."""
LATER = 4096
"""Rows of each later one among which they are looked for."""
BATCHES = 16
"""Later ones that are looked at: a row that has not returned in these hardly will."""
_WHOLE = {2: torch.int16, 4: torch.int32, 8: torch.int64}
_FACTOR = 0x5851F42D4C957F2D
"""Source: Knuth's multiplier for 64 bits, The Art of Computer Programming, volume 2, 3.3.4."""


class TrainedRows:
    """Keeps a number for each of some rows that were trained on, and sees whether any returns."""

    def __init__(self) -> None:
        self._kept: Tensor | None = None
        self._returned: Tensor | None = None
        self._width, self._batches = 0, 0

    def note(self, batch: Tensor) -> None:
        """A batch was recorded.

        Args:
            batch: Of floating-point numbers; one that is no table is not looked at.

        Cost: a product of at most 4096 × 64 numbers; nothing after the first batches, and nothing
        waits for the device.
        """
        if batch.dim() != 2 or not batch.numel() or batch.element_size() not in _WHOLE:
            return
        self._batches += 1
        if self._batches > 1 + BATCHES or (batch.is_cpu and self._returned):
            return
        rows = _numbers(batch[: ROWS if self._kept is None else LATER])
        if self._kept is None or self._returned is None:
            self._kept, self._width = rows, batch.shape[1]
            self._returned = torch.zeros((), dtype=torch.bool, device=rows.device)
        elif self._width == batch.shape[1] and rows.device == self._kept.device:
            self._returned = self._returned | torch.isin(self._kept, rows).any()

    def strangers(self, table: Tensor) -> Tensor | None:
        """Whether none of the rows is in a table, though one was trained on more than once.

        Rows that never return may have been changed on their way, as by noise: where they came
        from is not known then.

        Args:
            table: Of shape `[rows, columns]`.

        Returns:
            A Boolean, still on the device; None where no rows of this form are kept.
        """
        kept = self._kept
        if kept is None or self._returned is None or table.dim() != 2 or not table.numel():
            return None
        if table.shape[1] != self._width or table.device != kept.device:
            return None
        return self._returned & ~torch.isin(kept, _numbers(table)).any()


def _numbers(table: Tensor) -> Tensor:
    """A number for each row, of shape `[rows]`: rows of the same values have the same."""
    some = table.detach()[:, :COLUMNS] + 0.0  # no -0
    whole = some.contiguous().view(_WHOLE[some.element_size()]).long()
    powers = [pow(_FACTOR, k + 1, 1 << 64) for k in range(whole.shape[1])]
    signed = [x - (1 << 64) if x >> 63 else x for x in powers]
    return (whole * torch.tensor(signed, device=whole.device)).sum(1)
