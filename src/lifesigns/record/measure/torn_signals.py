"""Whether a recurrent layer is given signals that are pieces of channels, one behind the other.

(batch, channel, time) that a reshape before the loop brought to (batch, time, channel) has the
right sizes, and leaves no other trace. But neighbours in time are alike. In torn signals these
stand side by side in a row, and the last of a row goes on in the next as within a row, but where
the next channel begins. That is at every multiple of the number of rows: in whole signals such a
place is like any other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.dealt_out import as_given, entries
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

SAMPLES, AXIS, ENOUGH = 8, 4, 2**20
"""Samples and places along either axis that are needed, and numbers of which more are not read."""
AT, ENDS, ROWS, INSIDE, SURE = (
    "torn_signals_at", "signal_ends", "signal_rows", "signal_inside", "signal_errors",
)  # fmt: skip


class PendingSignals(NamedTuple):
    """Four numbers, still on the device."""

    slot: int
    site: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the layer, and mean squares of differences of neighbours in memory.

        Where a channel would end, over those from row to row; those from row to row over those
        within rows; those within rows over those in time; and by how many standard errors of the
        samples the first exceeds the others. Empty for signals of which one is 0.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found = arrays[self.slot]
        if not np.isfinite(found).all():
            return {}
        return {AT: float(self.site)} | dict(
            zip((ENDS, ROWS, INSIDE, SURE), found.tolist(), strict=True)
        )


def torn_signals(
    pack: Pack, walked: Walk, condensed: Condensed, batch: Tensor | None
) -> PendingSignals | None:
    """Looks at sequences that a recurrent or a linear layer takes step by step.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        condensed: Its sites.
        batch: What the root module was given: (samples, time, channel).

    Returns:
        None where no such layer is given the channels of the batch, or the channels of another
        order would end where rows do.

    Cost: the differences of up to a million numbers.
    """
    if batch is None or not _are_signals(batch) or not is_readable(batch):
        return None
    _, steps, channels = batch.shape
    for node, data in entries(walked):
        if walked.names[node] == "Convolution" or data.numel() != batch.numel():
            continue
        given = as_given(walked, node, data)
        if len(given) == 3 and given[-1] == channels and node in condensed.site_of_node:
            numbers = _differences(batch.detach().float(), steps, channels)
            return PendingSignals(pack.add(numbers), condensed.site_of_node[node])
    return None


def _are_signals(batch: Tensor) -> bool:
    if batch.dim() != 3 or not batch.is_floating_point() or batch.numel() > ENOUGH:
        return False
    samples, steps, channels = batch.shape
    return samples >= SAMPLES and min(steps, channels) >= AXIS and bool(channels % steps)


def _differences(signals: Tensor, steps: int, channels: int) -> Tensor:
    squares = signals.reshape(len(signals), -1).diff(dim=1).square()
    place = torch.arange(1, steps * channels, device=signals.device)
    ends = place % steps == 0
    rows = (place % channels == 0) & ~ends
    at_ends, at_rows, inside = (squares[:, x].mean(1) for x in (ends, rows, ~(ends | rows)))
    in_time = signals.diff(dim=1).square().mean()
    more = at_ends - squares[:, ~ends].mean(1)
    errors = more.mean() / (more.std() / len(signals) ** 0.5)
    ends_rows = at_ends.mean() / at_rows.mean()
    rows_inside = at_rows.mean() / inside.mean()
    return torch.stack([ends_rows, rows_inside, inside.mean() / in_time, errors])
