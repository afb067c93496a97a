"""Which targets of a loss are padding and which words: what counts of both, and how it fares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.padding import mean_where, padded
from lifesigns.record.measure.reduce import Pack

_OF_PADDING = ("padding_class", "words_alike")


class PendingPaddedTargets(NamedTuple):
    """The loss where there are words, still on the device."""

    slots: tuple[int, ...]
    """Of each lookup of tokens: whether padding counts, then what is told of it."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many of its targets are padding, and the loss of the others.

        Then the class that padding has, and how many words have it as well.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        words = ("padding_targets", "word_targets", "word_loss", "word_constant", *_OF_PADDING)
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


class PendingWords(NamedTuple):
    """Words whose targets are ignored, still on the device."""

    slots: tuple[int, ...]
    """Of each lookup of tokens: ignored words and others, and how many different ones they are."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        words = ("words_ignored", "words_kept", "kinds_ignored", "kinds_kept")
        for slot in self.slots:
            counts = arrays[slot].tolist()
            if counts[0]:
                return dict(zip(words, counts, strict=True))
        return {}


def words_left_out(pack: Pack, walked: Walk, at: int) -> PendingWords | None:
    """Whether the class that is ignored is that of words, and not of the padding alone.

    Where there are as many classes as tokens, the words themselves are predicted: those that are
    given are left out on purpose.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        at: Index of the node of the loss.

    Returns:
        None where no word is ignored, so far as that is known at once.
    """
    node, name = walked.nodes[at], walked.names[at]
    ignored = saved(node, "ignore_index") if name.startswith("NllLoss") else None
    target, scores = saved(node, "target"), saved(node, "self")
    if target is None or scores is None or scores.dim() < 2 or ignored is None:
        return None
    if not 0 <= ignored < scores.shape[1]:
        return None
    slots = []
    for batch in padded(walked):
        tokens = saved(walked.nodes[batch.node], "indices")
        kinds = int(walked.nodes[batch.node]._saved_weight_sym_argsize_0)
        if tokens is None or kinds <= scores.shape[1] or tokens.numel() != target.numel():
            continue
        left_out = target.reshape(tokens.shape) == ignored
        some = left_out & ~batch.places
        if not some.is_cpu or bool(some.any()):
            places = (some, ~left_out & ~batch.places)
            counts = [*(p.sum() for p in places), *(_kinds(tokens, p, kinds) for p in places)]
            slots.append(pack.add(torch.stack(counts)))
    return PendingWords(tuple(slots)) if slots else None


def _kinds(tokens: Tensor, places: Tensor, kinds: int) -> Tensor:
    """How many different tokens stand at these places, of so many kinds."""
    seen = torch.zeros(kinds + 1, dtype=torch.long, device=tokens.device)
    return seen.scatter_(0, torch.where(places, tokens, kinds).reshape(-1), 1)[:-1].sum()


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
    """Whether padding counts, padding, words, the mean loss of words, entropy of their classes.

    Then the class of padding, and how many words have it.
    """
    given = target.clamp(0, scores.shape[1] - 1)
    losses = -scores.gather(1, given.unsqueeze(1)).squeeze(1).float()
    classes = torch.zeros(scores.shape[1], dtype=torch.long, device=scores.device)
    classes.scatter_add_(0, given.reshape(-1), (~places).reshape(-1).long())
    share = classes / classes.sum()
    entropy = -torch.special.xlogy(share, share).sum()
    numbers = [counts, places.sum(), (~places).sum(), mean_where(~places, losses), entropy]
    own = given.masked_fill(~places, 0).amax()
    return torch.stack([number.float() for number in (*numbers, own, classes[own])])
