"""Whether pictures of 8 bits were calculated with in 8 bits, and wrapped round.

Less than 0 is close to 255 then. Neighbours of a picture differ by a few levels; where the one has
wrapped round and the other has not, they differ by nearly all, and by a few again on a circle of
256 levels. What was cut off at the darkest and the brightest level does not count: there an edge
may be as high.
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
ENOUGH_NUMBERS, CORNER = 16_384, 64
"""That are compared; of more, those of the first pictures, and of large ones a corner."""
LEVELS = 256
"""Of 8 bits."""
OFF = 0.02
"""Levels that a value may lie beside one: they are rounded where they are scaled."""


class PendingWrapped(NamedTuple):
    """Sums over neighbours, still on the device."""

    slot: int
    site: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the site that is given pictures of 256 levels, and how these jump.

        `jumps` is the share of neighbours that differ by more than half of the levels;
        `round_circle` the difference of all neighbours on a circle over that as given; `jump_size`
        that of the jumps on a circle over that of the others. Empty where there are other levels.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        off, pairs, far, plain, circle, jumped = arrays[self.slot].tolist()
        near = circle - jumped
        if not off < OFF or not pairs or not far or not near > 0:
            return {}
        size = (jumped / far) / (near / (pairs - far))
        return {
            "levels_at": float(self.site),
            "jumps": far / pairs,
            "round_circle": circle / plain,
            "jump_size": size,
        }


def wrapped_levels(pack: Pack, walked: Walk, sites: Mapping[int, int]) -> PendingWrapped | None:
    """Looks at the pictures that a convolution is given.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        sites: Numbers of the sites by their nodes.

    Returns:
        None where no convolution is given pictures.
    """
    for product in products(walked):
        data = data_of(walked, product) if walked.names[product.node] == "Convolution" else None
        if data is not None and _are_pictures(data) and product.node in sites:
            return PendingWrapped(pack.add(_jumps(_few(data))), sites[product.node])
    return None


def _are_pictures(data: Tensor) -> bool:
    sizes = tuple(data.shape)
    if len(sizes) != 4 or not data.is_floating_point():
        return False
    return sizes[1] < min(sizes[2:]) and min(sizes[0], *sizes[2:]) >= SMALLEST


def _few(data: Tensor) -> Tensor:
    corners = data.detach()[..., :CORNER, :CORNER]
    return corners[: max(2, ENOUGH_NUMBERS // corners[0].numel())].float()


def _jumps(given: Tensor) -> Tensor:
    """How far values lie beside levels; neighbours, jumps, and sums of differences of levels."""
    least, greatest = (end(given, (0, 2, 3), keepdim=True) for end in (torch.amin, torch.amax))
    scaled = (given - least) / (greatest - least) * (LEVELS - 1)
    levels = scaled.round()
    off = (scaled - levels).abs().amax().view(1)
    if given.is_cpu and not off < OFF:
        return torch.cat([off, torch.zeros(5)])
    inside = (levels > 0) & (levels < LEVELS - 1)
    sums = torch.zeros(5, device=given.device)
    for dim in (2, 3):
        rows = levels.shape[dim]
        both = inside.narrow(dim, 0, rows - 1) & inside.narrow(dim, 1, rows - 1)
        plain = levels.diff(dim=dim).abs() * both
        circle = torch.minimum(plain, LEVELS - plain)
        far = plain > LEVELS / 2
        parts = (both, far, plain, circle, circle * far)
        sums = sums + torch.stack([part.sum(dtype=torch.float32) for part in parts])
    return torch.cat([off, sums])
