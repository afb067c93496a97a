"""Whether pictures would be smoother if their memory were read as rows of pixels with channels.

A view of (batch, row, column, channel) as (batch, channel, row, column) that was made before the
loop leaves no other trace: what the network is given has the right sizes. But pictures are smooth.
In torn ones neighbours are other channels and far pixels, and with the sizes exchanged back each
value stands beside its own kind again. Of whole pictures, that compares pixels further apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.products import data_of, products
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.reduce import Pack

SMALLEST = 8
"""Rows and columns of a picture, and pictures of a batch."""
ENOUGH_NUMBERS = 65_536
"""That are compared; of more, those of the first pictures, two at the least."""

ENDS = 4
"""Of channels, where the next begins; of more, the first."""


class PendingTorn(NamedTuple):
    """By how much pictures get smoother, still on the device."""

    slot: int
    site: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the site that is given pictures, and two numbers of the smoothing.

        These are medians over the pictures: the difference of neighbours in a column, and in a
        row, over that of what are neighbours now. NaN for pictures of a single colour.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        down, along = arrays[self.slot].tolist()
        return {"pictures_at": float(self.site), "smoother_down": down, "smoother_along": along}


def torn_pictures(pack: Pack, walked: Walk, sites: Mapping[int, int]) -> PendingTorn | None:
    """Looks at the pictures that a convolution is given.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        sites: Numbers of the sites by their nodes.

    Returns:
        None where no convolution is given pictures of several channels.
    """
    for product in products(walked):
        data = data_of(walked, product) if walked.names[product.node] == "Convolution" else None
        if data is not None and _are_pictures(data) and product.node in sites:
            return PendingTorn(pack.add(_smoother(_few(data))), sites[product.node])
    return None


def _are_pictures(data: Tensor) -> bool:
    sizes = tuple(data.shape)
    if len(sizes) != 4 or not data.is_floating_point():
        return False
    return 1 < sizes[1] < min(sizes[2:]) and min(sizes[0], *sizes[2:]) >= SMALLEST


def _few(data: Tensor) -> Tensor:
    return data.detach()[: max(2, ENOUGH_NUMBERS // data[0].numel())].float()


def _smoother(given: Tensor) -> Tensor:
    """Medians over the pictures: differences with the sizes exchanged back, over those as given.

    Of a picture that repeats itself after as many pixels as there are channels, neighbours would be
    alike in both orders. So they are to be alike, too, where one channel ends and the next begins:
    in a torn picture that is a place like any other.
    """
    count, channels, rows, columns = given.shape
    back = given.reshape(count, rows, columns, channels)
    ends = range(rows, rows * channels, rows)[:ENDS]
    edges = [back[:, -(-end // channels)] - back[:, end // channels - 1] for end in ends]
    between = torch.cat(edges, 1).abs().flatten(1).mean(1)
    down = torch.maximum(_difference(back, 1), between) / _difference(given, 2)
    along = _difference(back, 2) / _difference(given, 3)
    return torch.stack([down.nanmedian(), along.nanmedian()])


def _difference(pictures: Tensor, dim: int) -> Tensor:
    """The mean size of the differences of neighbours, of each picture."""
    return pictures.diff(dim=dim).abs().flatten(1).mean(1)
