"""Sums of some values on a device, where it would take a wait to know which, or if any."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.records import UnitSums


class PendingFew(NamedTuple):
    """Sums of some values, of which it is not known whether there are any."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> UnitSums | None:
        """The sums, once the pack has been fetched; None if there were no values.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        count, total, squared, minimum, maximum, active = arrays[self.slot].reshape(-1, 1)
        if not count.any():
            return None
        none = np.zeros(1, np.int64)
        return UnitSums(
            count=count.astype(np.int64),
            total=total,
            total_squared=squared,
            active=active.astype(np.int64),
            saturated=none,
            minimum=minimum,
            maximum=maximum,
            nonfinite=none,
        )


def sums_of_few(values: Tensor, chosen: Tensor) -> Tensor:
    """What `PendingFew` is made of.

    Args:
        values: On any device.
        chosen: Which of them are summed.
    """
    full = torch.float32 if values.device.type == "mps" else torch.float64
    given = values.to(full)
    each = given.masked_fill(~chosen, 0.0)
    low, high = given.masked_fill(~chosen, torch.inf), given.masked_fill(~chosen, -torch.inf)
    counts = torch.stack([chosen.sum(), (each != 0).sum()]).to(full)
    sums = torch.stack([each.sum(), each.square().sum(), low.amin(), high.amax()])
    return torch.cat([counts[:1], sums, counts[1:]])
