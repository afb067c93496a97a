"""How the values of the inputs are spread over orders of magnitude.

Of powers, prices or counts each is a multiple of the next, from the smallest on: few values have
most of the sum, and all others look like 0 beside them. Scaling does not change that; a logarithm
does. Pictures that are mostly dark have two kinds of values instead, and nothing between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.products import data_of, parameter_of, products
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.reduce import Pack

VALUES, FEATURES = 1024, 8
"""Of the inputs, evenly spread; where there are fewer values of a feature, nothing is said."""
SHARES = (0.5, 0.75, 0.9, 0.99)
"""Of the values, the smaller ones: how far from the least the greatest of them is."""
STRIDE = 7919
"""A prime: rows and columns that are as long as a stride would be seen at one place only."""


class PendingTails(NamedTuple):
    """Quantiles of the inputs, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: two ratios of distances from the least value, medians over features.

        `tail_whole` is that of the largest hundredth to the half of the values; of the ratios from
        quantile to quantile between them, `tail_least` is the smallest. Both are 0 where half of
        the values are the least one.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        distances = arrays[self.slot].reshape(len(SHARES), -1)
        with np.errstate(all="ignore"):
            steps = distances[1:] / distances[:-1]
            whole = distances[-1] / distances[0]
        known = (distances[0] > 0) & np.isfinite(whole)
        least, whole = (np.where(known, x, 0.0) for x in (steps.min(0), whole))
        return {"tail_least": float(np.median(least)), "tail_whole": float(np.median(whole))}


def tails(pack: Pack, walked: Walk) -> PendingTails | None:
    """Looks at what the first layer of the network is given, if that is data.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where no layer with a weight comes first, or there are too few values of each feature.
    """
    product = next(products(walked), None)
    data = None if product is None else data_of(walked, product)
    if product is None or data is None or not data.is_floating_point():
        return None
    if parameter_of(walked, product) is None:
        return None
    values = _sample(data.detach(), is_convolved=walked.names[product.node] == "Convolution")
    if values is None:
        return None
    ordered = values.float().sort(-1).values
    least = ordered[:, 0]
    distances = [ordered[:, round(share * (VALUES - 1))] - least for share in SHARES]
    return PendingTails(pack.add(torch.cat(distances)))


def _sample(data: Tensor, *, is_convolved: bool) -> Tensor | None:
    """Some values of some features, `[features, values]`."""
    rows = data.flatten(2) if is_convolved and data.dim() > 2 else data.reshape(-1, data.shape[-1])
    count = rows.shape[0] * rows.shape[2] if rows.dim() > 2 else len(rows)
    if count < VALUES:
        return None
    features = slice(None, None, -(-rows.shape[1] // FEATURES))
    at = torch.arange(VALUES, device=data.device) * STRIDE % count
    if rows.dim() > 2:
        length = rows.shape[2]
        return rows[:, features][at // length, :, at % length].T
    return rows[:, features][at].T
