"""Which targets of a batch are one number although the values of their next states differ.

A reward plus the largest value of the next state differs from row to row as these values do. If the
largest was taken over all rows, there are as many targets as there are rewards, and all of them
move with one number from step to step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.measure.reduce import Pack

KINDS = 6
"""Targets of a batch that are told, those of most rows."""
TABLES = 2
"""Answers that are compared."""


class PendingShared(NamedTuple):
    """What rows with one target have in common, still on the device."""

    slot: int
    tables: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss, by the number of the answer.

        The largest of all its values; and of the targets that several rows share, how many rows
        they are, and how far apart the largest values of these are, as a share of their size.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found: dict[str, float] = {}
        for number, table in enumerate(arrays[self.slot].reshape(self.tables, -1)):
            largest, size, *kinds = table.tolist()
            if not np.isfinite([largest, size]).all():
                continue
            found[f"largest_answer_{number}"] = largest
            rows = np.reshape(kinds, (3, KINDS)).T.tolist()
            for kind, (target, count, apart) in enumerate(rows):
                if np.isfinite([target, apart]).all() and count > 1 and size > 0:
                    found[f"shared_target_{number}_{kind}"] = target
                    found[f"sharing_rows_{number}_{kind}"] = count
                    found[f"sharing_range_{number}_{kind}"] = apart / size
        return found


def shared_targets(pack: Pack, answers: Sequence[Tensor], targets: Tensor) -> PendingShared | None:
    """Compares the targets of rows with the largest value that each row was answered.

    Args:
        pack: Where the numbers wait for the copy.
        answers: One row for each target.
        targets: `[rows]`.
    """
    tables = [each for each in answers if each.dim() == 2 and each.shape[1] > 1][:TABLES]
    if not tables:
        return None
    found = torch.cat([_of_table(table, targets) for table in tables])
    return PendingShared(pack.add(found), len(tables))


def _of_table(answers: Tensor, targets: Tensor) -> Tensor:
    """The largest answer, the size of all rows' largest, and targets, rows and ranges of kinds."""
    dtype = torch.promote_types(torch.promote_types(answers.dtype, targets.dtype), torch.float32)
    values = answers.to(dtype).amax(1).sort()
    # rows of one target side by side, in the order of their values
    wanted, order = targets.to(dtype)[values.indices].sort(stable=True)
    own = values.values[order]
    start = torch.searchsorted(wanted, wanted)
    end = torch.searchsorted(wanted, wanted, right=True)
    is_first = start == torch.arange(len(wanted), device=wanted.device)
    rows, kinds = ((end - start) * is_first).topk(KINDS)
    apart = own[end[kinds] - 1] - own[start[kinds]]
    size = values.values.abs().amax()
    largest = values.values[-1]
    told = [wanted[kinds], rows.to(dtype), apart]
    return torch.cat([torch.stack([largest, size]), *told])
