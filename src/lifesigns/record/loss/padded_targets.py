"""How many of the targets of a loss are padding, and how it fares on the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.padding import mean_where, padded
from lifesigns.record.measure.reduce import Pack


class PendingPaddedTargets(NamedTuple):
    """The loss where there are words, still on the device."""

    slots: tuple[int, ...]
    """Of each lookup of tokens: whether padding counts, then what is told of it."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many of its targets are padding, and the loss of the others.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        words = ("padding_targets", "word_targets", "word_loss", "word_constant")
        for slot in self.slots:
            counts, *told = arrays[slot].tolist()
            if counts:
                return dict(zip(words, told, strict=True))
        return {}


def padded_targets(pack: Pack, walked: Walk, at: int) -> PendingPaddedTargets | None:
    """Whether the targets at the padding of the input are one class, which counts like any other.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        at: Index of the node of the loss.

    Returns:
        The mean loss of the places that are no padding, and what a constant prediction has there;
        None where no padding counts, so far as that is known at once.
    """
    node, name = walked.nodes[at], walked.names[at]
    if not name.startswith("NllLoss") or walked.shape(at):  # one for each place may be masked
        return None
    target, scores = saved(node, "target"), saved(node, "self")
    if target is None or scores is None or scores.dim() < 2:
        return None
    slots, target = [], target.long()
    for batch in padded(walked):
        if batch.places.numel() == target.numel():
            places = batch.places.reshape(target.shape)
            counts = _count_as_one_class(node, target, places)
            if not counts.is_cpu or bool(counts):
                slots.append(pack.add(_told(counts, scores.detach(), target, places)))
    return PendingPaddedTargets(tuple(slots)) if slots else None


def _count_as_one_class(node: object, target: Tensor, places: Tensor) -> Tensor:
    """Whether the targets at padding, but not at all places, are one class, which counts."""
    lowest = target.masked_fill(~places, torch.iinfo(target.dtype).max).amin()
    highest = target.masked_fill(~places, torch.iinfo(target.dtype).min).amax()
    is_one = (lowest == highest) & (lowest >= 0) & ~places.all()
    weight = saved(node, "weight")
    if weight is not None:
        is_one = is_one & (weight.gather(0, lowest.clamp(0, len(weight) - 1).view(1)) != 0).all()
    return is_one & (lowest != getattr(node, "_saved_ignore_index", -1))


def _told(counts: Tensor, scores: Tensor, target: Tensor, places: Tensor) -> Tensor:
    """Whether padding counts, padding, words, the mean loss of words, entropy of their classes."""
    given = target.clamp(0, scores.shape[1] - 1)
    losses = -scores.gather(1, given.unsqueeze(1)).squeeze(1).float()
    classes = torch.zeros(scores.shape[1], dtype=torch.long, device=scores.device)
    classes.scatter_add_(0, given.reshape(-1), (~places).reshape(-1).long())
    share = classes / classes.sum()
    entropy = -torch.special.xlogy(share, share).sum()
    numbers = [counts, places.sum(), (~places).sum(), mean_where(~places, losses), entropy]
    return torch.stack([number.float() for number in numbers])
