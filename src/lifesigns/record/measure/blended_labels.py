"""Whether label maps were resized as pictures are, so that classes were mixed at their borders.

Between a place of class 0 and one of class 4 a mean is class 2, which is near neither of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.reduce import Pack

FAR = 3
"""Difference of two classes that has other classes between."""
MOST_CLASSES = 32
"""More are levels of a size, as of depth, rather than kinds."""
MOST_PLACES = 1 << 20


class PendingBlends(NamedTuple):
    """Counts of borders, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: borders between distant classes, and those with a class between.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        names = "far_borders", "blended_borders", "blended_kinds", "changes", "far_changes"
        return dict(zip(names, arrays[self.slot].tolist(), strict=True))


def blended_labels(pack: Pack, walked: Walk) -> PendingBlends | None:
    """Looks at three neighbours in each row and column of the maps that a loss is given.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where it is given no maps of a few classes.
    """
    for node, name in zip(walked.nodes, walked.names, strict=True):
        if name != "NllLoss2D":
            continue
        labels, scores = saved(node, "target"), saved(node, "self")
        if labels is None or scores is None or not FAR < scores.shape[1] <= MOST_CLASSES:
            continue
        if labels.dim() == 3 and min(labels.shape[1:]) > FAR and labels.numel() <= MOST_PLACES:
            return PendingBlends(pack.add(_counts(labels.detach(), int(scores.shape[1]))))
    return None


def _counts(labels: Tensor, classes: int) -> Tensor:
    found = torch.zeros(4, dtype=torch.float64, device=labels.device)
    kinds = torch.zeros(classes * classes, dtype=torch.float64, device=labels.device)
    for dim in (1, 2):
        length = labels.shape[dim] - 2
        before, middle, behind = (labels.narrow(dim, k, length) for k in range(3))
        known = ((labels >= 0) & (labels < classes)).unfold(dim, 3, 1).all(-1)
        low, high = torch.minimum(before, behind), torch.maximum(before, behind)
        far = known & (high - low >= FAR)
        blended = far & (low < middle) & (middle < high)
        step = (middle - before).abs()
        counts = (far, blended, known & (step > 0), known & (step > 1))
        found += torch.stack([count.sum() for count in counts])
        pairs = (before * classes + behind).where(blended, 0).flatten()
        kinds.scatter_add_(0, pairs, blended.flatten().double())
    return torch.cat([found[:2], (kinds > 0).sum()[None], found[2:]])
