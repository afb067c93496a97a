"""Whether attention sees nothing of a sequence but one and the same token."""

from __future__ import annotations

import torch
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.order_blind import attentions, softmax_of

FEWEST = 4
"""Sequences, and tokens that are hidden, from which one token alone is no accident."""
MOST_ELEMENTS = 1 << 20


def attended_alike(walked: Walk) -> dict[str, float]:
    """Details of a loss whose attention leaves the words out and sees the padding.

    Of all sequences of the batch the places that any query may attend to hold one token, and those
    that none may hold several others. A class token may stand before or behind them. Only on the
    CPU: elsewhere looking would wait for the device.

    Args:
        walked: The graph.

    Returns:
        How many places are seen, and how many hidden.
    """
    looked_up = [saved(n, "indices") for n, word in _nodes(walked) if word == TOKENS]
    tokens = [ids for ids in looked_up if ids is not None and _are_sequences(ids)]
    for index in attentions(walked) if tokens else ():
        for ids in tokens:
            seen = _seen(walked, index, len(ids))
            for keys in () if seen is None else _aligned(seen, ids.shape[1]):
                if _is_one_token(ids, keys):
                    return {"seen_alike": float(keys.sum()), "hidden": float((~keys).sum())}
    return {}


def _nodes(walked: Walk) -> zip[tuple[object, str]]:
    return zip(walked.nodes, walked.names, strict=True)


def _are_sequences(ids: Tensor) -> bool:
    return (
        ids.is_cpu and ids.dim() == 2 and min(ids.shape) >= FEWEST and ids.numel() <= MOST_ELEMENTS
    )


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


def _is_one_token(ids: Tensor, keys: Tensor) -> bool:
    seen, hidden = ids[keys], ids[~keys]
    if not seen.numel() or not hidden.numel():
        return False
    others = hidden[hidden != seen[0]]
    return bool((seen == seen[0]).all()) and len(torch.unique(others)) >= FEWEST
