"""Whether what multiplies the output, one number for each row, is still in the input."""

from __future__ import annotations

from itertools import accumulate, islice
from operator import mul
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.products import data_of, products
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST, MOST = 8, 1 << 20
"""Rows that are needed, and numbers of each, and elements of the input that are looked at."""
MOST_FACTORS = 8
SPREAD, LEFT = "row_factor_spread", "row_ratio_spread"


class PendingScales(NamedTuple):
    """Deviations of logarithms, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how far the factors of the rows lie apart, and those over the inputs.

        Both are deviations of natural logarithms; none where a factor or an input is 0.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        spread, left = arrays[self.slot].tolist()
        return {SPREAD: spread, LEFT: left} if np.isfinite([spread, left]).all() else {}


def row_scales(pack: Pack, walked: Walk) -> PendingScales | None:
    """Compares the factors of an output's rows with the size of the same rows of the first input.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where nothing is multiplied by a number for each row of the data.

    Cost: one look at each name; where there are such factors, a mean square of the input.
    """
    muls = [i for i, name in enumerate(walked.names) if name == "Mul"]
    product = next(products(walked), None) if muls else None
    data = None if product is None else data_of(walked, product)
    if data is None or not FEWEST <= data.numel() <= MOST or not data.is_floating_point():
        return None
    if not is_readable(data):
        return None
    for i in islice(reversed(muls), MOST_FACTORS):
        factor = _constant(walked, i)
        size = None if factor is None else _size_of_rows(data.detach(), factor)
        if factor is not None and size is not None:
            logs = factor.detach().double().log().flatten()
            spreads = (logs.std(), (logs - size.double().log()).std())
            return PendingScales(pack.add(torch.stack(spreads)))
    return None


def _constant(walked: Walk, index: int) -> Tensor | None:
    """The data that a node multiplies a computed value by, where they are stretched over it."""
    if walked.inputs[index].count(None) != 1:
        return None
    known = (saved(walked.nodes[index], word) for word in ("other", "self"))
    constant = next((x for x in known if isinstance(x, Tensor) and not x.requires_grad), None)
    if constant is None or not constant.is_floating_point() or constant.numel() < FEWEST:
        return None
    shape = walked.shape(index)
    same_rank = constant.dim() == len(shape) > 1
    return constant if same_rank and tuple(constant.shape) != shape else None


def _size_of_rows(data: Tensor, factor: Tensor) -> Tensor | None:
    """RMS of the rows of the data, one for each factor; None where there are other rows.

    A row of a few numbers may be what the output is a multiple of: a solution that starts at 0.
    """
    rows = factor.numel()
    if data.device != factor.device or data.numel() < FEWEST * rows:
        return None
    if rows not in accumulate(data.shape, mul):
        return None
    return data.reshape(rows, -1).float().square().mean(1).sqrt()
