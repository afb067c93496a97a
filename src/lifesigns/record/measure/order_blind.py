"""Whether attention over tokens sees where a token stands, or the same vector wherever it is."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.records import Kind

FEWEST = 4
"""Positions of a sequence in which there is an order to speak of."""
MOST_ELEMENTS = 1 << 20
EQUAL = 1e-5
"""Of the largest value: rows of one product may be rounded differently."""
SOFTMAX = ("Softmax", "SafeSoftmax")
PLAIN = frozenset({"Mul", "Div", "View", "UnsafeView", "Reshape", "ReshapeAlias", "Expand"})
"""What stands between scores and their softmax where there is no mask."""


def blind_length(walked: Walk, condensed: Condensed) -> int:
    """The length of the sequences of which the network sees no order; 0 if it may see it.

    The first attention is given the same query, and the same key, for a token wherever it stands;
    no mask treats positions differently, and nothing else in the network mixes positions.

    Args:
        walked: The graph.
        condensed: Its sites.
    """
    first = next(iter(attentions(walked)), None)
    kinds = {site.kind for site in condensed.graph.sites}
    if first is None or kinds & {Kind.CONVOLUTION, Kind.RECURRENT} or _is_masked(walked, first):
        return 0
    for index in (i for i, name in enumerate(walked.names) if name == TOKENS):
        tokens = saved(walked.nodes[index], "indices")
        sides = _sides(walked, first)
        if tokens is None or tokens.dim() != 2 or min(tokens.shape) < FEWEST or sides is None:
            continue
        laid_out = [_by_position(side, tokens) for side in sides]
        width = walked.shape(index)[-1]
        if all(one is not None and _are_alike(*one) for one in laid_out):
            length = next(one[1].shape[1] for one in laid_out if one is not None)
            flat = any(s.fan_in == length * width for s in condensed.graph.sites)
            return 0 if flat else length
    return 0


def attentions(walked: Walk) -> Iterator[int]:
    """Nodes that compare each position with each.

    Args:
        walked: The graph.
    """
    for index, name in enumerate(walked.names):
        if name.startswith(ATTENTION_PREFIX):
            yield index
        elif name == "Bmm" and None not in walked.inputs[index][-2:]:
            shape = walked.shape(index)
            if shape and shape[-1] == shape[-2]:
                yield index


def _sides(walked: Walk, index: int) -> tuple[Tensor, Tensor] | None:
    """Queries and keys, each `[..., positions, width]`."""
    node = walked.nodes[index]
    if walked.names[index] == "Bmm":
        query, key = saved(node, "self"), saved(node, "mat2")
        key = None if key is None else key.transpose(1, 2)
    else:
        query, key = saved(node, "query"), saved(node, "key")
    if query is None or key is None or not 0 < query.numel() <= MOST_ELEMENTS:
        return None
    return query.detach(), key.detach()


def _by_position(side: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor] | None:
    """Rows `[samples, positions, width]`, and the tokens in the same order."""
    length = side.shape[-2]
    for ids in (tokens, tokens.t()):
        samples = ids.shape[0]
        if ids.shape[1] == length and side.numel() % (samples * length) == 0:
            heads = side.reshape(samples, -1, length, side.shape[-1])
            return heads.transpose(1, 2).reshape(samples, length, -1), ids
    return None


def _are_alike(rows: Tensor, tokens: Tensor) -> bool:
    """Whether each token has one row, and most stand at several positions."""
    flat, ids = rows.reshape(-1, rows.shape[-1]), tokens.reshape(-1)
    kinds, which = torch.unique(ids, return_inverse=True)
    place = torch.arange(tokens.shape[1], device=ids.device).expand_as(tokens).reshape(-1)
    extremes = torch.zeros(2, len(kinds), dtype=torch.long, device=ids.device)
    extremes[0].scatter_reduce_(0, which, place, "amin", include_self=False)
    extremes[1].scatter_reduce_(0, which, place, "amax", include_self=False)
    one = torch.zeros(len(kinds), dtype=torch.long, device=ids.device)
    one[which] = torch.arange(len(ids), device=ids.device)  # any row of each
    apart = (flat - flat[one[which]]).abs().amax()
    moved = (extremes[0] != extremes[1]).float().mean()
    return bool((moved > 0.5) & (apart <= EQUAL * flat.abs().amax()) & (flat.std(0).amax() > 0))


def _is_masked(walked: Walk, index: int) -> bool:
    """Whether something may treat the positions of the queries differently."""
    if walked.names[index] != "Bmm":
        node = walked.nodes[index]
        mask = next(
            (m for w in ("attn_mask", "attn_bias") if (m := saved(node, w)) is not None), None
        )
        return bool(saved(node, "is_causal")) or (mask is not None and not _is_of_keys(mask))
    at = softmax_of(walked, index)
    if at is None:
        return True
    between = _between(walked, index, at)
    if all(name in PLAIN for name in between):
        return False
    weights = saved(walked.nodes[at], "result")
    return weights is None or not bool((weights == 0).any()) or not _is_of_keys(weights == 0)


def softmax_of(walked: Walk, index: int) -> int | None:
    """The softmax that scores go into; None if they also go elsewhere before it.

    Args:
        walked: The graph.
        index: Index of the node that made the scores.
    """
    while walked.names[index] not in SOFTMAX:
        readers = walked.readers.get(index, [])
        if len(readers) != 1:
            return None
        (index,) = readers
    return index


def _between(walked: Walk, index: int, end: int) -> Iterator[str]:
    (index,) = walked.readers[index]
    while index != end:
        yield walked.names[index]
        (index,) = walked.readers[index]


def _is_of_keys(mask: Tensor) -> bool:
    """Whether it is the same for all queries of a sample."""
    return bool((mask == mask[..., :1, :]).all())
