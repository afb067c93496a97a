"""Whether attention over tokens sees where a token stands, or the same vector wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX, VIEWS
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.sequence_rows import EQUAL, FEWEST, rows_given
from lifesigns.records import Kind

MOST_ELEMENTS = 1 << 20
SOFTMAX = ("Softmax", "SafeSoftmax")
PLAIN = VIEWS | {"Mul", "Div", "Expand"}
"""What stands between scores and their softmax where there is no mask."""


class PendingBlindness(NamedTuple):
    """Whether a network sees no order, of each table of tokens, still on the device."""

    slot: int
    lengths: tuple[int, ...]
    """Of the sequences; 0 where something else sees their order."""
    within: tuple[bool, ...]
    """Whether a token's vectors are the same within each sequence, and differ between them."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The detail of a loss: the length of the sequences of which no order is seen."""
        for is_alike, length, within in zip(
            arrays[self.slot], self.lengths, self.within, strict=True
        ):
            if is_alike and length:
                return {"order_unseen": float(length), **({"by_sequence": 1.0} if within else {})}
        return {}


def order_blind(pack: Pack, walked: Walk, condensed: Condensed) -> PendingBlindness | None:
    """Whether the network sees no order of its tokens.

    The first attention is given the same query, and the same key, for a token wherever it stands:
    in all sequences, or within each, as where a dropout left a part of them out, or where what was
    added belongs to the sequence. No mask treats positions differently, and nothing else in the
    network mixes positions.

    Args:
        pack: Where the answer waits for the copy.
        walked: The graph.
        condensed: Its sites.

    Returns:
        None where the network may see the order, as far as the graph tells.
    """
    first = next(iter(attentions(walked)), None)
    kinds = {site.kind for site in condensed.graph.sites}
    if first is None or kinds & {Kind.CONVOLUTION, Kind.RECURRENT}:
        return None
    masked = _is_masked(walked, first)
    sides = None if masked is True else _sides(walked, first)
    if sides is None:
        return None
    found: list[tuple[Tensor, int, bool]] = []
    for index, tokens in tables(walked):
        width = walked.shape(index)[-1]
        for alike, length, within in _answers(walked, first, sides, tokens):
            flat = any(site.fan_in == length * width for site in condensed.graph.sites)
            seen = alike if isinstance(masked, bool) else alike & ~masked
            found.append((seen, 0 if flat else length, within))
    if not found:
        return None
    answers, lengths, within_one = zip(*found, strict=True)
    return PendingBlindness(pack.add(torch.stack(answers)), lengths, within_one)


def tables(walked: Walk) -> Iterator[tuple[int, Tensor]]:
    """Nodes that look the tokens of sequences up, and what they look up.

    Args:
        walked: The graph.
    """
    for index in (i for i, name in enumerate(walked.names) if name == TOKENS):
        tokens = saved(walked.nodes[index], "indices")
        if tokens is not None and tokens.dim() == 2 and min(tokens.shape) >= FEWEST:
            yield index, tokens


def _answers(
    walked: Walk, first: int, sides: tuple[Tensor, Tensor], tokens: Tensor
) -> Iterator[tuple[Tensor, int, bool]]:
    """Whether a token's rows are alike, the length of a sequence, and whether that is all."""
    known = [_by_position(side, tokens) for side in sides]
    if all(one is not None and _may_be_alike(*one) for one in known):
        laid_out = [one for one in known if one is not None]
        alike = torch.stack([_are_alike(*one) for one in laid_out]).all()
        yield alike, laid_out[0][1].shape[1], False
    rows = rows_given(walked, first, tokens)
    if rows is not None and not rows.are_apart():
        yield rows.alike(everywhere=True), len(rows.tokens), False
        yield rows.alike(everywhere=False), len(rows.tokens), True


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


def _may_be_alike(rows: Tensor, tokens: Tensor) -> bool:
    """Whether a token at two places may have one row; told at once where looking is free."""
    if not rows.is_cpu:
        return True
    seen: dict[int, int] = {}
    for place, token in enumerate(tokens[0].tolist()):
        other = seen.setdefault(token, place)
        if other != place:
            apart = (rows[0, other] - rows[0, place]).abs().amax()
            return bool(apart <= EQUAL * rows.abs().amax())
    return True


def _are_alike(rows: Tensor, tokens: Tensor) -> Tensor:
    """Whether each token has one row, and most stand at several positions."""
    flat = rows.reshape(-1, rows.shape[-1])
    ids, order = tokens.reshape(-1).sort(stable=True)
    places = order % tokens.shape[1]
    begins = torch.ones_like(ids, dtype=torch.bool)
    torch.ne(ids[1:], ids[:-1], out=begins[1:])
    at = torch.arange(len(ids), device=ids.device)
    first = (
        torch.where(begins, at, 0).cummax(0).values
    )  # where the same token is for the first time
    apart = (flat[order] - flat[order[first]]).abs().amax()
    kinds = begins.cumsum(0) - 1
    moved = torch.zeros_like(ids).scatter_add_(0, kinds, (places != places[first]).long()) > 0
    least, most = torch.aminmax(flat, dim=0)
    few = moved.sum() * 2 <= begins.sum()
    return ~few & (apart <= EQUAL * flat.abs().amax()) & (most > least).any()


def _is_masked(walked: Walk, index: int) -> bool | Tensor:
    """Whether something may treat the positions of the queries differently."""
    if walked.names[index] != "Bmm":
        node = walked.nodes[index]
        mask = next(
            (m for w in ("attn_mask", "attn_bias") if (m := saved(node, w)) is not None), None
        )
        if saved(node, "is_causal"):
            return True
        return False if mask is None else ~_is_of_keys(mask)
    at = softmax_of(walked, index)
    if at is None:
        return True
    if all(name in PLAIN for name in _between(walked, index, at)):
        return False
    weights = saved(walked.nodes[at], "result")
    return True if weights is None else ~((weights == 0).any() & _is_of_keys(weights == 0))


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


def _is_of_keys(mask: Tensor) -> Tensor:
    """Whether it is the same for all queries of a sample."""
    return (mask == mask[..., :1, :]).all()
