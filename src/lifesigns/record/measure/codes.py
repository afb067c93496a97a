"""The codes of categories that are looked up in tables: whether there is none but 0 and 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved, shape_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.tokens import LOOKUPS

ROWS = 5
"""Rows of a table, from which on it is made for more than yes and no."""


class PendingCodes(NamedTuple):
    """What is looked up, still on the device."""

    slot: int
    rows: int
    """Of the smallest table."""
    number: int
    """Codes that are looked up in one table."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss, where all codes are 0 or 1.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        highest, ones = arrays[self.slot]
        if highest > 1:
            return {}
        details = {"code_rows": float(self.rows), "codes": float(self.number)}
        return {**details, "code_ones": float(ones)}


def read_codes(pack: Pack, walked: Walk) -> PendingCodes | None:
    """Looks at the codes that are looked up in all tables of more than a few rows.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.

    Returns:
        None where there is no such table, or surely another code.
    """
    found: list[tuple[int, int]] = []
    numbers: list[Tensor] = []
    for name, node, inputs in zip(walked.names, walked.nodes, walked.inputs, strict=True):
        if name not in LOOKUPS or inputs[0] is None or inputs[0] >= 0:
            continue
        rows, codes = shape_of(walked.leaves[-1 - inputs[0]])[0], saved(node, "indices")
        if rows < ROWS:
            continue
        if not isinstance(codes, Tensor) or not codes.numel():
            return None
        highest = codes.amax()
        if codes.is_cpu and highest > 1:
            return None
        found.append((rows, codes.numel()))
        numbers.append(torch.stack([highest.double(), (codes == 1).double().mean()]))
    if not found:
        return None
    worst = torch.stack([one.to(numbers[0].device) for one in numbers]).amax(0)
    return PendingCodes(pack.add(worst), min(r for r, _ in found), min(n for _, n in found))
