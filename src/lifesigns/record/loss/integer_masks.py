"""Masks of 0 and 1 that are integers, and so pick rows 0 and 1 as an index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.reduce import Pack

FEWEST = 8
"""Rows below which an index of 0 and 1 may be one by chance."""
MOST = 8
"""Indices that are looked at."""
_INTEGERS = frozenset({torch.int64, torch.int32})
MASKED, TRUE = "rows_by_integer_mask", "ones_of_integer_mask"


class PendingMasks(NamedTuple):
    """The least, the largest and the sum of each index, still on the device."""

    slots: tuple[int, ...]
    rows: tuple[int, ...]

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the rows of the first index that is a mask, and how many are 1.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for slot, rows in zip(self.slots, self.rows, strict=True):
            least, largest, ones = arrays[slot].tolist()
            if (least, largest) == (0, 1):
                return {MASKED: float(rows), TRUE: ones}
        return {}


def integer_masks(pack: Pack, walked: Walk) -> PendingMasks | None:
    """Looks at integers that index computed values and have, as a mask does, one for each of them.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where nothing is indexed so. A parameter is a table, in which integers look up rows.

    Cost: one look at each name; three reductions for an index of this form.
    """
    found = [
        index
        for i, name in enumerate(walked.names)
        if name == "Index" and _is_computed(walked, i)
        if (index := _one_for_each(walked.nodes[i])) is not None
    ][:MOST]
    if not found:
        return None
    looks = (torch.stack((index.amin(), index.amax(), index.sum())) for index in found)
    return PendingMasks(
        tuple(pack.add(look) for look in looks), tuple(index.numel() for index in found)
    )


def _is_computed(walked: Walk, index: int) -> bool:
    source = walked.inputs[index][0]
    return source is not None and source >= 0


def _one_for_each(node: Any) -> Tensor | None:
    """The only index of a value, where it has the shape of what it indexes."""
    indices = saved(node, "indices") or ()
    sizes = tuple(getattr(node, "_saved_self_sym_sizes", ()))
    given = [(at, index) for at, index in enumerate(indices) if isinstance(index, Tensor)]
    if len(given) != 1:
        return None
    at, index = given[0]
    alike = tuple(index.shape) == sizes[at : at + index.dim()]
    usual = index.dtype in _INTEGERS and index.dim() > 0 and len(index) >= FEWEST
    return index if alike and usual else None
