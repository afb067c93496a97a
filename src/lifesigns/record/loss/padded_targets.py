"""How many of the targets of a loss are padding, and how it fares on the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.padding import padded
from lifesigns.record.measure.reduce import Pack


class PendingPaddedTargets(NamedTuple):
    """The loss where there are words, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many of its targets are padding, and the loss of the others.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        words = ("padding_targets", "word_targets", "word_loss", "word_constant")
        return dict(zip(words, arrays[self.slot].tolist(), strict=True))


def padded_targets(pack: Pack, walked: Walk, at: int) -> PendingPaddedTargets | None:
    """Whether the targets at the padding of the input are one class, which counts like any other.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        at: Index of the node of the loss.

    Returns:
        The mean loss of the places that are no padding, and what a constant prediction has there;
        None where no padding counts.
    """
    node, name = walked.nodes[at], walked.names[at]
    if not name.startswith("NllLoss") or walked.shape(at):  # one for each place may be masked
        return None
    target, scores = saved(node, "target"), saved(node, "self")
    if target is None or scores is None or scores.dim() < 2:
        return None
    for batch in padded(walked):
        if batch.places.numel() == target.numel():
            places = batch.places.reshape(target.shape)
            if _count_as_one_class(node, target, places):
                return PendingPaddedTargets(pack.add(_of_words(scores, target, ~places)))
    return None


def _count_as_one_class(node: object, target: Tensor, places: Tensor) -> bool:
    classes = target[places]
    first = int(classes[0])
    weight = saved(node, "weight")
    if first == getattr(node, "_saved_ignore_index", None) or first < 0:
        return False
    ignored = weight is not None and not float(weight[first])
    return bool((classes == first).all()) and not bool(places.all()) and not ignored


def _of_words(scores: Tensor, target: Tensor, words: Tensor) -> Tensor:
    """Padding, words, the mean loss of words, and the entropy of their classes."""
    given = target.clamp(0, scores.shape[1] - 1).unsqueeze(1)
    losses = -scores.detach().gather(1, given).squeeze(1)
    counts = torch.bincount(target[words].clamp_min(0)).double()
    share = counts / counts.sum()
    entropy = -torch.special.xlogy(share, share).sum()
    total = torch.tensor([words.numel() - int(words.sum()), int(words.sum())])
    return torch.cat([total.double(), torch.stack([losses[words].double().mean(), entropy])])
