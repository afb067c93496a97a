"""How far the statistics of a batch lie from the running ones of a batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from lifesigns.record.measure.reduce import Arrays, Pack, PendingSums
from lifesigns.record.readable import is_readable

LEFT = 0.01
"""Of the start of a running mean, what may be left: before, it says little of the training."""


@dataclass(slots=True)
class PendingShift:
    """The shift at one normalisation, not on the host yet."""

    norm: str
    samples: int
    batch: PendingSums
    mean: int
    variance: int
    """Slots of what was running before this batch."""
    eps: float

    def of(self, arrays: Arrays) -> float:
        """How far a value is moved by taking the statistics of the batch for the running ones.

        With means m, m' and deviations s, s' of batch and training the square is
        (1 - s/s')² + (m - m')²/s'², of which is taken off what it is for samples drawn at random.

        Args:
            arrays: What the pack brought to the host, by slot.

        Returns:
            Median over the units, in deviations of the training: 0 for a batch like those of the
            training, and for one whose values differ from theirs by no more than chance.
        """
        found, running = self.batch.of(arrays), arrays[self.variance] + self.eps
        spread = np.sqrt((found.variance + self.eps) / running)
        squares = (1 - spread) ** 2 + (found.mean - arrays[self.mean]) ** 2 / running
        by_chance = 1.5 * spread**2 / max(self.samples - 1, 1)
        square = float(np.median(squares - by_chance))
        return float(np.sqrt(max(square, 0.0))) if np.isfinite(square) else float("nan")


def shift_of(
    norm: str, module: _BatchNorm, batch: Tensor, steps: int, pack: Pack
) -> PendingShift | None:
    """The shift of a batch that is about to be normalised by its own statistics.

    Args:
        norm: What the normalisation is called.
        module: The normalisation.
        batch: Its input, of shape `[samples, units, ...]`.
        steps: Of training.
        pack: Where the numbers wait for the copy.

    Returns:
        None where the normalisation keeps no running mean, or where that had too few steps to
        forget what it began with.

    Cost: one reduction of the batch.
    """
    momentum, mean, variance = module.momentum, module.running_mean, module.running_var
    if mean is None or variance is None or momentum is None or (1 - momentum) ** steps > LEFT:
        return None
    if batch.dim() < 2 or not all(map(is_readable, (batch, mean, variance))):
        return None
    sums = pack.sums(batch, 1)
    if sums is None:
        return None
    pack.flush()  # the user may write to the batch
    first, second = (pack.add(running.detach().clone()) for running in (mean, variance))
    return PendingShift(norm, len(batch), sums, first, second, module.eps)
