"""Whether the targets of a regression are places on a circle that was cut open.

Directions, phases and times of day end where they begin: 359 degrees lie beside 0, and their inputs
are alike. As one number they lie as far apart as can be. A line over the inputs shows it: sine and
cosine of the place on a circle of the targets' range follow the inputs, the place itself less.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.last_inputs import target_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST, MOST_ROWS, MOST_COLUMNS = 32, 1 << 14, 64
PER_COLUMN = 3
"""Rows for each column of the input, at the least."""
END, MIDDLE = 0.1, 0.2
"""Shares of the range: how long each end is, and where the middle begins."""
PLACE, SINE, COSINE = "circle_place", "circle_sine", "circle_cosine"
LOW, HIGH, INSIDE = "circle_low_error", "circle_high_error", "circle_inside_error"
AT_ENDS = "circle_ends"
_RIDGE = 1e-6


class PendingCircle(NamedTuple):
    """Shares of variances and mean squares, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: what a line over the inputs explains, and where the errors are.

        Explained shares of the variance of the targets, and of sine and cosine of their places, as
        adjusted for the number of columns. Mean squares of the errors at both ends and in the
        middle, in squares of the targets' range. The share of targets at the end that has fewer.
        Empty where something is not known, as of targets that are all alike.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        numbers = arrays[self.slot]
        words = (PLACE, SINE, COSINE, LOW, HIGH, INSIDE, AT_ENDS)
        return dict(zip(words, numbers.tolist(), strict=True)) if np.isfinite(numbers).all() else {}


def cut_circle(
    pack: Pack, walked: Walk, batch: Tensor | None, prediction: Prediction | None
) -> PendingCircle | None:
    """Compares the targets of a regression, as places on a circle, with the rows of the input.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        batch: What the network was given.
        prediction: What it made of it.

    Returns:
        None where the loss is no regression of one number for each row of a table.

    Cost: a system of as many equations as the table has columns, 64 at most.
    """
    if batch is None or prediction is None or not batch.is_floating_point() or batch.dim() != 2:
        return None
    rows, columns = batch.shape
    if not max(FEWEST, PER_COLUMN * columns) <= rows <= MOST_ROWS or columns > MOST_COLUMNS:
        return None
    if prediction.value.numel() != rows or prediction.is_overwritten or not is_readable(batch):
        return None
    target = target_of(walked, prediction)
    if target is None or target.numel() != rows or target.device != batch.device:
        return None
    wanted = target.detach().reshape(-1).double()
    place = (wanted - wanted.amin()) / (wanted.amax() - wanted.amin())
    angle = 2 * math.pi * place
    explained = _explained(
        batch.detach().double(), torch.stack([place, angle.sin(), angle.cos()], 1)
    )
    errors = (prediction.value.reshape(-1).double() - wanted) / (wanted.amax() - wanted.amin())
    ends = (place < END, place > 1 - END, (place - 0.5).abs() < 0.5 - MIDDLE)
    squares = [(errors.square() * where).sum() / where.sum() for where in ends]
    fewer = torch.minimum(ends[0].sum(), ends[1].sum()) / rows
    return PendingCircle(pack.add(torch.cat([explained, torch.stack([*squares, fewer])])))


def _explained(rows: Tensor, wanted: Tensor) -> Tensor:
    """Which share of each column's variance a line over the rows explains, adjusted."""
    count, columns = rows.shape
    a, b = rows - rows.mean(0), wanted - wanted.mean(0)
    a = a / a.square().mean(0).sqrt().clamp_min(torch.finfo(a.dtype).tiny)
    normal = a.T @ a + _RIDGE * count * torch.eye(columns, dtype=a.dtype, device=a.device)
    weights = torch.linalg.solve_ex(normal, a.T @ b).result
    left = (b - a @ weights).square().sum(0) / b.square().sum(0)
    adjusted: Tensor = 1 - left * (count - 1) / (count - 1 - columns)
    return adjusted
