"""Whether attention sees nothing of a sequence but one and the same token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.order_blind import attentions, softmax_of
from lifesigns.record.measure.reduce import Pack

FEWEST = 4
"""Sequences, and tokens that are hidden, from which one token alone is no accident."""
MOST_ELEMENTS = 1 << 20


class PendingAttended(NamedTuple):
    """What attentions see and what is hidden from them, still on the device."""

    slots: tuple[int, ...]
    """Of each attention, table of tokens and place of a class token."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many places are seen that hold one token, and how many hidden.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for slot in self.slots:
            is_one, seen, hidden = arrays[slot].tolist()
            if is_one:
                return {"seen_alike": seen, "hidden": hidden}
        return {}


def attended_alike(pack: Pack, walked: Walk) -> PendingAttended | None:
    """Looks for attention that leaves the words out and sees the padding.

    Of all sequences of the batch the places that any query may attend to hold one token, and those
    that none may hold several others. A class token may stand before or behind them.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.

    Returns:
        None where there is no such attention, so far as that is known at once.
    """
    slots = tuple(pack.add(numbers) for numbers in _looks(walked))
    return PendingAttended(slots) if slots else None


def _looks(walked: Walk) -> Iterator[Tensor]:
    """Whether one token alone is seen, how many places are, and how many hidden.

    The first of which it is true alone, where looking is free.
    """
    looked_up = [saved(n, "indices") for n, word in _nodes(walked) if word == TOKENS]
    tokens = [ids for ids in looked_up if ids is not None and _are_sequences(ids)]
    for index in attentions(walked) if tokens else ():
        for ids in tokens:
            seen = _seen(walked, index, len(ids))
            for keys in () if seen is None else _aligned(seen, ids.shape[1]):
                is_one = _is_one_token(ids, keys)
                if is_one.is_cpu and not bool(is_one):
                    continue
                yield torch.stack([is_one.long(), keys.sum(), (~keys).sum()])
                if is_one.is_cpu:
                    return


def _nodes(walked: Walk) -> zip[tuple[object, str]]:
    return zip(walked.nodes, walked.names, strict=True)


def _are_sequences(ids: Tensor) -> bool:
    return ids.dim() == 2 and min(ids.shape) >= FEWEST and ids.numel() <= MOST_ELEMENTS


def _seen(walked: Walk, index: int, samples: int) -> Tensor | None:
    """Which keys some query of each sample may attend to, `[samples, keys]`."""
    if walked.names[index].startswith(ATTENTION_PREFIX):
        node = walked.nodes[index]
        mask = saved(node, "attn_mask")
        mask = saved(node, "attn_bias") if mask is None else mask
        open_ = None if mask is None else mask.detach() > torch.finfo(mask.dtype).min
    else:
        at = softmax_of(walked, index)
        weights = None if at is None else saved(walked.nodes[at], "result")
        open_ = None if weights is None else weights.detach() != 0
    if open_ is None or open_.dim() < 3 or open_.numel() > MOST_ELEMENTS * 16:
        return None
    if open_.shape[0] % samples:
        return None
    keys: Tensor = open_.reshape(samples, -1, open_.shape[-1]).any(1)
    return keys


def _aligned(seen: Tensor, length: int) -> tuple[Tensor, ...]:
    """The keys of the tokens, with or without a further one before or behind them."""
    if seen.shape[1] == length:
        return (seen,)
    return (seen[:, 1:], seen[:, :-1]) if seen.shape[1] == length + 1 else ()


def _is_one_token(ids: Tensor, keys: Tensor) -> Tensor:
    """Whether one token alone is seen, and several others are hidden."""
    lowest = ids.masked_fill(~keys, torch.iinfo(ids.dtype).max).amin()
    is_one = lowest == ids.masked_fill(~keys, -1).amax()
    if is_one.is_cpu and not bool(is_one):
        return is_one
    ordered = torch.where(keys, lowest, ids).reshape(-1).sort().values
    others = (ordered[1:] != ordered[:-1]).sum()  # one less than there are different ones
    return is_one & (others >= FEWEST)
