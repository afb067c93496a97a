"""How far the first sines of a network of coordinates bend, and how alike neighbours' targets are.

Over arguments of less than half a turn a sine is a slope or a single arc, and what is made of such
slopes is smooth. Where targets of points that lie side by side are alike, there is more to be
learned than their mean: whatever the network is, the answer of the neighbour would be a good one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.products import data_of, parameter_of, products
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.reduce import Pack

SINES = ("Sin", "Cos")
COORDINATES = 4
"""Of a point at the most: three of a place, and time."""
FEWEST, MOST, ASKED = 64, 1024, 256
"""Points from which neighbours are near; those among which they are looked for, and of which."""
_PASSING = frozenset({"Add", "Mul", "Div", "View", "UnsafeView"})


class PendingWaves(NamedTuple):
    """Two numbers, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss.

        `sine_span` is the range of a first sine's arguments, in radians, median over its units;
        `neighbours_alike` the correlation of the targets of points with those of the nearest ones.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        span, alike = arrays[self.slot].tolist()
        return {"sine_span": span, "neighbours_alike": alike}


def slow_waves(pack: Pack, walked: Walk, compared: Tensor) -> PendingWaves | None:
    """Looks at the sines behind the first layer, if that is given coordinates.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        compared: Its targets, or what the outputs leave of them.

    Returns:
        None where no sine follows the first layer, or the targets do not belong to points.

    Cost: `ASKED` x `MOST` distances; half a millisecond.
    """
    if not any(name in walked.names for name in SINES):
        return None
    product = next(products(walked), None)
    points = None if product is None else data_of(walked, product)
    if product is None or points is None or parameter_of(walked, product) is None:
        return None
    argument = _argument(walked, product.node)
    if argument is None or points.dim() != 2 or not points.is_floating_point():
        return None
    targets = compared.detach().reshape(-1, compared.shape[-1]) if compared.dim() else compared
    count = len(points)
    if points.shape[1] > COORDINATES or count < FEWEST or len(targets) != count:
        return None
    argument = argument.detach().reshape(-1, argument.shape[-1]).float()
    span = (argument.amax(0) - argument.amin(0)).median()
    some = slice(None, None, -(-count // MOST))
    alike = _alike(points.detach()[some].float(), targets[some].float())
    return PendingWaves(pack.add(torch.stack([span, alike])))


def _argument(walked: Walk, node: int) -> Tensor | None:
    """What the first sine behind this node is given, a bias and a factor between them."""
    while (after := walked.readers.get(node, ())) and len(after) == 1:
        node = after[0]
        if walked.names[node] in SINES:
            given = saved(walked.nodes[node], "self")
            return given if isinstance(given, Tensor) and given.dim() else None
        if walked.names[node] not in _PASSING:
            return None
    return None


def _alike(points: Tensor, targets: Tensor) -> Tensor:
    """Correlation of the targets of some points with those of their nearest neighbours."""
    asked = slice(None, None, -(-len(points) // ASKED))
    rows = torch.arange(len(points), device=points.device)[asked]
    far = torch.cdist(points[asked], points)
    far[torch.arange(len(rows), device=points.device), rows] = torch.inf
    far[far == 0] = torch.inf  # the same point, measured again
    off = targets - targets.mean(0)
    own, nearest = off[asked], off[far.argmin(1)]
    return (own * nearest).sum() / (own.square().sum() * nearest.square().sum()).sqrt()
