"""Layers that compute with copies of the parameters, moved by what the copies' gradients made.

An inner loop adapts weights as `w - rate * gradient`, with a graph through both. Of
`w.data - rate * gradient` the graph holds the gradient alone: an outer loss reaches the parameters
through second derivatives, as if they themselves had no part in what it was computed with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.operations import LINEAR_MAPS
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, value_as_used
from lifesigns.record.loss.cut_classes import CONVOLUTIONS
from lifesigns.record.measure.reduce import Pack

MOST = 16
"""Copies that are compared with the parameters."""
CLOSE = 0.5
"""Distance of a copy to its parameter, as a share of that. Weights that have nothing in common are
1.4 of either apart."""
_TURNS = frozenset({"T", "Transpose"})


class _Copy(NamedTuple):
    """What a layer computes with: data, and something that has a graph."""

    node: int
    """Index of the node that adds them."""
    used: int
    """Index of the node that hands them to the layer: the same, or one that turns them."""

    def value(self, walked: Walk) -> Tensor | None:
        """Its numbers, in the form of the parameter, where a node has kept them.

        Args:
            walked: The graph of the loss.
        """
        value = value_as_used(walked, self.used)
        return value if value is None or self.used == self.node else value.mT


class PendingCopies(NamedTuple):
    """How far parameters are from the nearest of the copies, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: of how many parameters it is computed with copies.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found = int((arrays[self.slot] < CLOSE).sum())
        return {"copied_weights": float(found)} if found else {}


def copied_weights(pack: Pack, walked: Walk, condensed: Condensed) -> PendingCopies | None:
    """Compares the parameters with what layers compute with in their place.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        condensed: Its sites.

    Returns:
        None unless all weights have such copies: others (of a network that weighs samples, of
        layers that are not adapted) are what the loss trains, and the copies need not be.
    """
    copies = list(_copies(walked, condensed))
    if not copies:
        return None
    weights = [p for p in walked.leaves if isinstance(p, nn.Parameter) and p.dim() > 1]
    if not {tuple(p.shape) for p in weights} <= {walked.shape(copy.node) for copy in copies}:
        return None
    values = [value for copy in copies[:MOST] if (value := copy.value(walked)) is not None]
    apart = [d for weight in weights if (d := _nearest(weight.detach(), values)) is not None]
    return PendingCopies(pack.add(torch.stack(apart))) if apart else None


def _copies(walked: Walk, condensed: Condensed) -> Iterator[_Copy]:
    """Of layers that data enter, those whose weight is a sum of data and what data enter, too."""
    for index in condensed.nodes:
        name, inputs = walked.names[index], walked.inputs[index]
        if name not in LINEAR_MAPS and name not in CONVOLUTIONS:
            continue
        used = inputs[-1 if name in LINEAR_MAPS else 1]
        if used is None or used < 0:
            continue
        below = walked.inputs[used][0] if walked.names[used] in _TURNS else used
        if below is not None and below >= 0 and _is_moved(walked, condensed, below):
            yield _Copy(below, used)


def _is_moved(walked: Walk, condensed: Condensed, i: int) -> bool:
    """Whether a node adds something with a graph, that data enter, to something without one."""
    graphs = [j for j in walked.inputs[i] if j is not None]
    if walked.names[i] not in ("Add", "Sub") or len(walked.inputs[i]) != 2 or len(graphs) != 1:
        return False
    return graphs[0] >= 0 and graphs[0] not in condensed.weight_like


def _nearest(weight: Tensor, values: list[Tensor]) -> Tensor | None:
    apart = [(value - weight).norm() for value in values if value.shape == weight.shape]
    return torch.stack(apart).min() / weight.norm() if apart else None
