"""Columns of the data in which one number, far from all others, stands for what is missing.

`-9999` for "not measured" is a number like any other: scaled with the rest, it decides the mean and
the deviation, and the values that were measured lie side by side. In such a column one value, the
least or the greatest, returns exactly, and nothing lies between it and the others, which differ.
A 0 that most rows have is none: words of a text, or other things that are seldom there, are alike
where they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.products import DATA, data_of, parameter_of, products
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.tails import STRIDE

FEWEST, VALUES, COLUMNS = 32, 1024, 64
"""Rows that are needed; of more rows, and of the columns, so many are looked at."""
TIMES, OTHERS, DIFFERENT = 3, 8, 5
"""How often a code is there at least, and of the other values how many, and how many of them
differ."""
FAR, THIN = 0.8, 0.02
"""As shares of the column's range: how far from the code the nearest other value is, and within
which deviation all others lie."""
MOST_TOLD = 16
TOLD, SEEN, CODE, SHARE, LEFT = (
    "code_columns", "columns_seen", "code_in_{}", "code_share_{}", "code_left_{}",
)  # fmt: skip
_LAYER_NORM = "NativeLayerNorm"
_NORMS = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", _LAYER_NORM})
_RECURRENT = "MkldnnRnnLayer"


class PendingCodes(NamedTuple):
    """Of each column that is looked at, five numbers; still on the device."""

    slot: int
    step: int
    """From one of these columns to the next, in those of the data."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many columns have a code, and of the first ones what it is.

        Of each of these its share of the rows, and the deviation of the others as a share of the
        column's range. Empty where there is none.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        is_told, code, times, others, left = arrays[self.slot].reshape(5, -1)
        found = np.flatnonzero((is_told > 0) & (times >= TIMES))
        details: dict[str, float] = {}
        for i in found[:MOST_TOLD].tolist():
            column = i * self.step
            details[CODE.format(column)] = float(code[i])
            details[SHARE.format(column)] = float(times[i] / (times[i] + others[i]))
            details[LEFT.format(column)] = float(left[i])
        return {TOLD: float(len(found)), SEEN: float(len(code)), **details} if details else {}


class _Given(NamedTuple):
    """What the first layer is given."""

    data: Tensor
    channels: bool = False
    """Whether these come second."""


def missing_codes(pack: Pack, walked: Walk, batch: Tensor | None) -> PendingCodes | None:
    """Looks at what the first layer of the network is given, if that is data.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        batch: What the root module was given: rows of a table, or sequences that may be padded.

    Returns:
        None where no layer is given data, there are few rows, or no end of a column returns.

    Cost: the ends of each column; where one of them returns, a sort of a thousand rows.
    """
    given = _given(walked)
    if given is None or not given.data.is_floating_point() or given.data.dim() < 2:
        return None
    values, step = _some(given)
    if len(values) < FEWEST:
        return None
    least, greatest = values.amin(0), values.amax(0)
    low, high = (values == least).sum(0), (values == greatest).sum(0)
    times = torch.maximum(low, high)
    others = len(values) - times
    may_be = (times >= TIMES) & (others >= OTHERS)
    if values.is_cpu and not bool(may_be.any()):
        return None
    code = torch.where(high > low, greatest, least)
    may_be = may_be & ((code != 0) | (times <= others))
    is_code = values == code
    away = (values.double() - code.double()).abs() / (greatest.double() - least.double())
    may_be = may_be & (away.masked_fill(is_code, torch.inf).amin(0) >= FAR)
    if values.is_cpu and not bool(may_be.any()):
        return None
    left = (
        (away - away.sum(0) / others).square().masked_fill(is_code, 0.0).sum(0).div(others).sqrt()
    )
    different = (values.sort(0).values.diff(dim=0) > 0).sum(0)
    is_told = may_be & (left <= THIN) & (different >= DIFFERENT)
    if not _is_table(given, batch):
        padding = (is_code | ~is_told).all(1)
        times = (is_code & ~padding[:, None]).sum(0)
    rows = (is_told, code, times, others, left)
    return PendingCodes(pack.add(torch.cat([row.double() for row in rows])), step)


def _is_table(given: _Given, batch: Tensor | None) -> bool:
    """Whether rows are samples or pixels; places of sequences are padded in all columns at once."""
    if given.channels:
        return given.data.dim() > 3
    return batch is not None and batch.dim() == given.data.dim() == 2


def _some(given: _Given) -> tuple[Tensor, int]:
    """Some rows of some columns, and the step from one of these columns to the next."""
    rows = given.data.detach()
    if given.channels:
        rows = rows.flatten(2).movedim(1, -1)
    rows = rows.reshape(-1, rows.shape[-1])
    if len(rows) > VALUES:
        rows = rows[torch.arange(VALUES, device=rows.device) * STRIDE % len(rows)]
    step = max(1, -(-rows.shape[1] // COLUMNS))
    return rows[:, ::step], step


def _given(walked: Walk) -> _Given | None:
    """The data that the first layer, or a normalisation before it, is given."""
    product = next(products(walked), None)
    for i, name in enumerate(walked.names[: None if product is None else product.node]):
        if (name in _NORMS or name == _RECURRENT) and walked.inputs[i][0] is None:
            data = saved(walked.nodes[i], "input")
            by_channel = name in _NORMS - {_LAYER_NORM}
            if not isinstance(data, Tensor):
                return None
            return _Given(data, by_channel and data.dim() > 2)
    if product is None or parameter_of(walked, product) is None:
        return None
    name, data = walked.names[product.node], data_of(walked, product)
    if product.data is not None and product.data >= 0 and walked.names[product.data] == "Cat":
        joined = None in walked.inputs[product.data]
        data = saved(walked.nodes[product.node], DATA[name]) if joined else None
    return _Given(data, name == "Convolution") if isinstance(data, Tensor) else None
