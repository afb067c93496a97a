"""Whether a recurrent layer runs over the samples of a batch, as many as there are steps of time.

A layer that takes time first is given (samples, time, channel) as it is. With as many samples as
steps no size tells, but neighbours in time are alike, and neighbouring samples are strangers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.dealt_out import as_given, entries
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import Kind

SMALLEST = 8
"""Samples, and steps of time."""
ENOUGH_NUMBERS = 2**20


class PendingRunOver(NamedTuple):
    """How much smoother one axis is than the other, still on the device."""

    slot: int
    site: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the layer, and the difference of neighbours along axis 1 over axis 0.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        (across,) = arrays[self.slot].tolist()
        return {"run_over_at": float(self.site), "smoother_across": across}


def run_over(
    pack: Pack, walked: Walk, condensed: Condensed, batch: Tensor | None
) -> PendingRunOver | None:
    """Looks at the signals that a recurrent layer is given along axis 0.

    Args:
        pack: Where the number waits for the copy.
        walked: The graph of a loss.
        condensed: Its sites.
        batch: What the root module was given; samples along dimension 0.

    Returns:
        None where no such layer is given the batch as it is, with two axes of one length.
    """
    if batch is None or not _is_ambiguous(batch):
        return None
    for node, data in entries(walked):
        site = _time_first(walked, condensed, node)
        is_whole = data.data_ptr() == batch.data_ptr() and data.is_contiguous()
        if site is not None and is_whole and as_given(walked, node, data) == tuple(batch.shape):
            return PendingRunOver(pack.add(_smoother(batch.detach())), site)
    return None


def _time_first(walked: Walk, condensed: Condensed, node: int) -> int | None:
    """The site of a node, if it is that of a recurrent layer that takes time first."""
    site = condensed.site_of_node.get(node)
    if site is None or saved(walked.nodes[node], "batch_first"):
        return None
    return site if condensed.graph.sites[site].kind is Kind.RECURRENT else None


def _is_ambiguous(batch: Tensor) -> bool:
    sizes = tuple(batch.shape)
    is_square = len(sizes) == 3 and sizes[0] == sizes[1] >= SMALLEST
    few = batch.numel() <= ENOUGH_NUMBERS
    return is_square and few and batch.is_floating_point() and batch.is_contiguous()


def _smoother(signals: Tensor) -> Tensor:
    """The median over the channels: differences along axis 1 over those along axis 0."""
    along, across = (signals.float().diff(dim=d).abs().mean((0, 1)) for d in (1, 0))
    return torch.nanmedian(along / across)
