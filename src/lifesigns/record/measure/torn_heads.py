"""Whether attention splits its heads, or joins them, by a view that exchanges no axes.

`x.view(b, heads, t, d)` of what a linear map makes, (b, t, heads · d), has the sizes of
`x.view(b, t, heads, d).transpose(1, 2)`, and other numbers in every place: a head is then a block
of neighbouring positions. The sizes on both sides of the view tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lifesigns.record.graph.operations import ATTENTION_PREFIX, VIEWS
from lifesigns.record.graph.sites import Condensed, first_kept
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.order_blind import attentions, softmax_of
from lifesigns.record.measure.sequence_rows import LAYOUT, MAPS, SCALES

DROPOUTS = frozenset({"NativeDropout", "FusedDropout"})

Sizes = tuple[int, ...]


class TornHeads(NamedTuple):
    """A view that takes heads for positions."""

    site: int
    """Number of the site whose values are viewed: a linear map, or the attention."""
    heads: int
    positions: int

    def details(self) -> dict[str, float]:
        """Details of a loss."""
        return {
            "torn_heads_at": float(self.site),
            "heads": float(self.heads),
            "positions": float(self.positions),
        }


def torn_heads(walked: Walk, condensed: Condensed) -> dict[str, float]:
    """The first such view, as a mark of the loss; empty where there is none.

    Args:
        walked: The graph of a loss.
        condensed: Its sites, which keep the answer for graphs that are alike.
    """
    found = first_kept(condensed.kept, TornHeads, _torn(walked, condensed.site_of_node))
    return {} if found is None else found.details()


def _torn(walked: Walk, sites: Mapping[int, int]) -> Iterator[TornHeads]:
    for index in attentions(walked):
        is_fused = walked.names[index].startswith(ATTENTION_PREFIX)
        softmax = None if is_fused else softmax_of(walked, index)
        if not is_fused and softmax is None:
            continue
        query, key = (_split(walked, side) for side in _factors(walked, index))
        if query is not None and key is not None and query[0] in sites:
            yield TornHeads(sites[query[0]], *query[1])
        made = index if softmax is None else _product_with_values(walked, softmax)
        if made is not None and made in sites and (joined := _joined(walked, made)) is not None:
            yield TornHeads(sites[made], *joined)


def _factors(walked: Walk, index: int) -> tuple[int | None, ...]:
    inputs = walked.inputs[index]
    return inputs[-2:] if walked.names[index] == "Bmm" else inputs[:2]


def _split(walked: Walk, index: int | None) -> tuple[int, tuple[int, int]] | None:
    """The linear map behind a factor, and heads and positions if a view on the way tears them."""
    torn = None
    while index is not None and index >= 0 and walked.names[index] in LAYOUT | SCALES:
        after, index = index, walked.inputs[index][0]
        if walked.names[after] in VIEWS and index is not None and index >= 0:
            torn = torn or _exchanged(walked.shape(index), walked.shape(after))
    if index is None or index < 0 or torn is None or walked.names[index] not in MAPS:
        return None
    return index, torn


def _joined(walked: Walk, index: int) -> tuple[int, int] | None:
    """Heads and positions, if a view of what attention makes tears them."""
    torn, after = None, walked.readers.get(index, [])
    while torn is None and len(after) == 1 and walked.names[after[0]] in LAYOUT:
        before, index = index, after[0]
        if walked.names[index] in VIEWS:
            torn = _exchanged(walked.shape(index), walked.shape(before))
        after = walked.readers.get(index, [])
    return torn


def _product_with_values(walked: Walk, softmax: int) -> int | None:
    """The product of the weights that a softmax makes with the values."""
    index = softmax
    while after := walked.readers.get(index, ()):
        index = after[0]
        if walked.names[index] == "Bmm":
            return index
        if walked.names[index] not in LAYOUT | DROPOUTS | SCALES:
            return None
    return None


def _exchanged(joined: Sizes, apart: Sizes) -> tuple[int, int] | None:
    """Heads and positions, if (b, t, h · d) and (b, h, t, d) or (b · h, t, d) are one memory.

    As many heads as positions, or a single one of either, say nothing.
    """
    if len(joined) != 3 or len(apart) not in (3, 4) or not apart[-1]:
        return None
    samples, positions, width = joined
    *before, length, piece = apart
    heads = width // piece
    is_apart = length == positions and before in ([samples, heads], [samples * heads])
    are_told = min(heads, positions) > 1 and heads != positions
    return (heads, positions) if is_apart and are_told else None
