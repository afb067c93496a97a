"""Which rows of one batch a loss compares, and which of them begin with the same words.

Answers to one prompt go through a network together, as `[c1 … cB, r1 … rB]` or as `[c1, r1, …]`.
Cut in the other way than they were laid, the loss compares answers to prompts of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import VIEWS, signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import numel
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.padding import padding_of
from lifesigns.record.measure.reduce import Pack

SHARE, PAIRS, HALVES = "strangers_compared", "pairs_compared", "halves_compared"
"""Details of a loss: the share of the rows that have more words in common with another row than
with the one they are compared with, how many pairs there are, and whether they are i and i + B."""
FEWEST, MOST = 4, 4
"""Pairs of rows; and differences of a graph that are looked at."""
MOST_ELEMENTS = 1 << 20
OFTEN = 0.5
"""Share of the rows of which it is so, at least: some prompts may be in a batch twice."""
PREFERENCES = frozenset(
    {"LogSigmoid", "Softplus", "Sigmoid", "Relu", "Clamp", "ClampMin", "Logaddexp", "Log1P"}
    | {"BinaryCrossEntropyWithLogits", "SoftMarginLoss"}
)
"""What a difference is given to where the first side is to be the larger."""
_UP = VIEWS | {"Add", "Div", "Exp", "Mul", "Neg", "Rsub", "Squeeze", "Sub", "Unsqueeze"}
_LAYOUT = VIEWS | {"Clone", "Permute", "Select", "Slice", "Split", "SplitWithSizes", "Squeeze"}
_LAID = _LAYOUT | {"T", "Transpose", "Unbind", "UnsafeSplit", "Unsqueeze"}
_BY_ROW = frozenset(
    {"Add", "Div", "Log", "LogSoftmax", "Logsumexp", "Mul", "Neg", "Softmax", "Sub", "Tanh"}
    | {"Addmm", "Mean", "Mm", "Sum", "Gather", "MaskedFill", "Exp", "ToCopy"}
)
_MOVING = frozenset({"Index", "IndexPut", "IndexSelect", "IndexCopy", "Flip", "Roll", "Scatter"})
"""What may lay rows out in another order."""

Place = tuple[int, int]
"""A node, and which of its outputs."""


class PendingPairs(NamedTuple):
    """What rows have in common, still on the device: a number for each table of tokens."""

    slot: int
    pairs: tuple[int, ...]
    halves: tuple[bool, ...]

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss; none where rows are compared that belong together.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for share, pairs, halves in zip(arrays[self.slot], self.pairs, self.halves, strict=True):
            if share:
                return {SHARE: float(share), PAIRS: float(pairs), HALVES: float(halves)}
        return {}


class _Compared(NamedTuple):
    """Rows of one value that a loss compares."""

    source: Place
    rows: Tensor
    """`[2, pairs]`, on the CPU."""


def may_compare_rows(walked: Walk) -> bool:
    """Whether a graph has differences, preferences and tokens.

    Args:
        walked: The graph of a loss.
    """
    return {"Sub", TOKENS} <= set(walked.names) and not PREFERENCES.isdisjoint(walked.names)


def paired_rows(pack: Pack, walked: Walk) -> PendingPairs | None:
    """Looks for rows that are compared with a stranger although their partner is in the batch.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where no loss compares halves, or neighbours, of one batch of tokens.

    Cost: a look at each name; the tokens of two pairings are compared.
    """
    found = [
        (share, rows.shape[1], is_halves)
        for source, rows in islice(_compared(walked), MOST)
        for tokens in _tokens(walked, source[0], rows.numel())
        if (is_halves := _is_halves(rows)) is not None
        and (share := _strangers(tokens, rows, is_halves)) is not None
    ]
    if not found:
        return None
    shares, pairs, halves = zip(*found, strict=True)
    return PendingPairs(pack.add(torch.stack(shares)), pairs, halves)


# --- which rows are compared ----------------------------------------------------------------------
def _compared(walked: Walk) -> Iterator[_Compared]:
    for i, name in enumerate(walked.names):
        shape = walked.shape(i) if name == "Sub" else ()
        if not shape or shape[0] < FEWEST or numel(shape) != shape[0]:
            continue
        if None in walked.inputs[i] or not _is_preference(walked, i):
            continue
        one, other = (_cut(walked, place, shape[0]) for place in _inputs(walked, i))
        if one is not None and other is not None and one[0] == other[0]:
            yield _Compared(one[0], torch.stack([one[1], other[1]]))


def _is_preference(walked: Walk, i: int) -> bool:
    """Whether a difference of rows goes into what makes one side larger."""
    waiting, seen, size = [i], set[int](), numel(walked.shape(i))
    while waiting:
        for above in walked.readers.get(waiting.pop(), ()):
            if walked.names[above] in PREFERENCES:
                return True
            if above not in seen and walked.names[above] in _UP:
                seen.add(above)
                waiting.extend([above] if numel(walked.shape(above)) == size else [])
    return False


def _inputs(walked: Walk, i: int) -> list[Place]:
    """What a node reads, as far as nodes made it."""
    places = zip(walked.inputs[i], walked.nodes[i].next_functions, strict=True)
    return [(j, int(of[1])) for j, of in places if j is not None and j >= 0]


def _cut(walked: Walk, start: Place, count: int) -> tuple[Place, Tensor] | None:
    """The value of twice as many rows that a side is cut from, and which of its rows it is."""
    found: dict[Place, tuple[Place, ...]] = {}
    waiting: list[tuple[Place, tuple[Place, ...], int]] = [(start, (), 0)]
    seen = set[Place]()
    while waiting:
        place, chain, deepest = waiting.pop()
        shape, name = walked.shape(*place), walked.names[place[0]]
        if place in seen or not shape:
            continue
        seen.add(place)
        inputs = _inputs(walked, place[0])
        if chain and shape[0] == 2 * count:
            deepest = len(chain)
        if name in _LAID and inputs:
            waiting.extend((below, (*chain, place), deepest) for below in inputs)
        elif deepest:
            found[(*chain, place)[deepest]] = chain[:deepest]
        elif shape[0] == count and name in _BY_ROW and not _along_rows(walked, place[0]):
            waiting.extend((below, (), 0) for below in inputs)
    if len(found) != 1:
        return None
    ((source, chain),) = found.items()
    rows = _rows(walked, walked.shape(*source), chain)
    return (source, rows) if rows is not None and rows.shape == (count,) else None


def _along_rows(walked: Walk, i: int) -> bool:
    """Whether an operation may go along the rows."""
    dim = saved(walked.nodes[i], "dim")
    dims = dim if isinstance(dim, tuple) else (dim,)
    ranks = {len(walked.shape(*place)) for place in _inputs(walked, i)}
    return any(isinstance(d, int) and (not d or -signed(d) in ranks) for d in dims)


def _rows(walked: Walk, shape: tuple[int, ...], chain: tuple[Place, ...]) -> Tensor | None:
    """Which rows of a value are left, one for each entry of the result."""
    if numel(shape) > MOST_ELEMENTS:
        return None
    rows = torch.arange(shape[0]).view(-1, *[1] * (len(shape) - 1)).expand(shape)
    for i, number in reversed(chain):
        made = _laid(walked.names[i], walked.nodes[i], rows, walked.shape(i, number), number)
        if made is None or tuple(made.shape) != walked.shape(i, number):
            return None
        rows = made
    flat = rows.reshape(len(rows), -1)
    return flat[:, 0] if flat.shape[1] and bool((flat == flat[:, :1]).all()) else None


def _laid(name: str, node: Any, rows: Tensor, shape: tuple[int, ...], number: int) -> Tensor | None:
    """What an operation makes of rows."""
    if name in VIEWS | {"Squeeze", "Unsqueeze"}:
        return rows.reshape(shape) if rows.numel() == numel(shape) else None
    if name == "Clone":
        return rows
    if name == "T":
        return rows.t()
    if name == "Permute":
        return rows.permute([signed(int(d)) for d in saved(node, "dims")])
    if name == "Transpose":
        return rows.transpose(*(signed(int(saved(node, word))) for word in ("dim0", "dim1")))
    dim = signed(int(saved(node, "dim"))) % rows.dim()
    if name == "Slice":
        start, end, step = (signed(int(saved(node, word))) for word in ("start", "end", "step"))
        cut = (*[slice(None)] * dim, slice(start, end, step))
        return rows[cut]
    if name == "Select":
        return rows.select(dim, signed(int(saved(node, "index"))))
    if name == "Unbind":
        return rows.select(dim, number)
    sizes = saved(node, "split_sizes" if name == "SplitWithSizes" else "split_size")
    pieces = torch.split(rows, list(sizes) if isinstance(sizes, tuple) else int(sizes), dim)
    piece: Tensor = pieces[number]
    return piece


def _is_halves(rows: Tensor) -> bool | None:
    """Whether rows i and i + B are compared, or 2 i and 2 i + 1; None for others."""
    count = rows.shape[1]
    low, high = rows.sort(0).values
    if bool((high == low + count).all()):
        return True
    return False if bool((high == low + 1).all() and (low % 2 == 0).all()) else None


# --- which rows belong together -------------------------------------------------------------------
def _tokens(walked: Walk, source: int, count: int) -> Iterator[Tensor]:
    """Tokens of as many rows as a value has that is computed of them, `[rows, places]`."""
    waiting, seen = [source], set[int]()
    while waiting:
        i = waiting.pop()
        if i in seen:
            continue
        seen.add(i)
        if walked.names[i] in _MOVING and _moves_rows(walked, i):
            return
        waiting.extend(j for j in walked.inputs[i] if j is not None and j >= 0)
    for i in sorted(seen):
        ids = saved(walked.nodes[i], "indices") if walked.names[i] == TOKENS else None
        if ids is None or ids.dim() != 2 or count not in ids.shape or min(ids.shape) < 2:
            continue
        if ids.numel() <= MOST_ELEMENTS:
            yield ids.detach() if len(ids) == count else ids.detach().t()


def _moves_rows(walked: Walk, i: int) -> bool:
    """Whether rows are laid out in another order; one place of each is none."""
    node, name = walked.nodes[i], walked.names[i]
    if name in ("Index", "IndexPut"):
        given = saved(node, "indices")  # None where a user's hooks hold it
        return not given or [axis for axis, one in enumerate(given) if one is not None] == [0]
    dims = saved(node, "dims") if name in ("Flip", "Roll") else (saved(node, "dim"),)
    return any(signed(int(d)) == 0 for d in dims or (0,))


def _strangers(tokens: Tensor, rows: Tensor, is_halves: bool) -> Tensor | None:
    """The share of the rows that begin more like another than like the one they are compared with.

    0 unless all rows of the other pairing begin alike, further than all rows of the batch do.
    """
    tokens = _from_the_first_word(tokens)
    everywhere = (tokens == tokens[:1]).all(0).long().cumprod(0).sum()
    order = torch.arange(len(tokens), device=tokens.device)
    here = _alike(tokens, tokens[_partners(order, is_halves)])
    there = _alike(tokens, tokens[_partners(order, not is_halves)])
    share = (there > here).float().mean()
    told = (there > everywhere).all() & (there >= here).all() & (share >= OFTEN)
    return share * told


def _partners(order: Tensor, halves: bool) -> Tensor:
    return order.roll(len(order) // 2) if halves else order + 1 - 2 * (order % 2)


def _alike(one: Tensor, other: Tensor) -> Tensor:
    """How many words of each row are the same, from the first on."""
    return (one == other).long().cumprod(1).sum(1)


def _from_the_first_word(tokens: Tensor) -> Tensor:
    """Tokens without what fills them up in front: the rest moves there."""
    places = padding_of(tokens) if min(tokens.shape) >= FEWEST else None
    if places is None:
        return tokens
    ahead = places.long().cumprod(1).sum(1, keepdim=True)
    columns = torch.arange(tokens.shape[1], device=tokens.device) + ahead
    return tokens.gather(1, columns % tokens.shape[1])
