"""Whether what is added to the tokens of a sequence depends on its place in the batch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.codes_of_numbers import COMPARED, SUMS, added
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.order_blind import attentions, tables
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.sequence_rows import (
    LAYOUT,
    MAPS,
    Rows,
    is_places_first,
    map_before,
    rows_given,
    shape_of_data,
)

DROPS = frozenset({"NativeDropout", "Mul", "Div"})
"""What a dropout, or a scale, is in a graph."""
NORM = "NativeLayerNorm"
DETAIL = "codes_apart_"


class PendingCodes(NamedTuple):
    """How far the vectors that are added to two sequences differ, still on the device."""

    slot: int
    by_slice: bool
    """Whether they are weights that were sliced, or looked up, by the place in the batch."""
    of_numbers: bool = False
    """Whether they are added to a linear map of numbers, and not to tokens."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how far they differ, of each pair, and a number of the tokens.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        same, names, *apart = arrays[self.slot].tolist()
        if not same:
            return {}
        pairs = zip(combinations(range(COMPARED), 2), apart, strict=True)
        found = {f"{DETAIL}{one}{other}": value for (one, other), value in pairs if value >= 0}
        sliced = {"codes_by_slice": 1.0} if self.by_slice else {}
        numbers = {"codes_of_numbers": 1.0} if self.of_numbers else {}
        return {**found, **sliced, **numbers, "codes_tokens": names} if found else {}


def batch_codes(pack: Pack, walked: Walk) -> PendingCodes | None:
    """Compares one token's vectors in front of the first attention between sequences.

    Within each sequence they are the same wherever the token stands, and between sequences they
    differ: by the difference of what was added to the two, whatever the token is. That of two
    places in the batch is the same in all steps, and of other tokens, only where it belongs to the
    places.

    Args:
        pack: Where the answer waits for the copy.
        walked: The graph.

    Returns:
        None where a token's vectors differ within a sequence, so far as that is known at once.
    """
    first = next(iter(attentions(walked)), None)
    if first is None:
        return None
    for _, tokens in tables(walked):
        given = rows_given(walked, first, tokens)
        # The samples are the rows of the tokens: attention along the other axis compares samples.
        if given is None or given.tokens.shape[0] != tokens.shape[1]:
            continue
        index = _norm_before(walked, first)
        rows = given if index is None else _in_front(walked, index, given)
        if rows is None or rows.tokens.shape[1] < COMPARED or rows.are_apart():
            continue
        same = rows.alike(everywhere=False) & ~rows.alike(everywhere=True)
        if same.is_cpu and not bool(same):
            continue
        numbers = [same.double(), _number(rows.tokens), *_apart(rows)]
        start = map_before(walked, walked.inputs[first][0]) if index is None else index
        sliced = start is not None and _is_by_slice(walked, start, len(tokens))
        return PendingCodes(pack.add(torch.stack(numbers)), sliced)
    return _of_numbers(pack, walked, first)


def _of_numbers(pack: Pack, walked: Walk, attention: int) -> PendingCodes | None:
    """Compares what is added to sequences of numbers, behind the linear map that they go through.

    Args:
        pack: Where the answer waits for the copy.
        walked: The graph.
        attention: The first one.
    """
    start, norm = map_before(walked, walked.inputs[attention][0]), _norm_before(walked, attention)
    index = start if norm is None else norm
    if index is None:
        return None
    data = saved(walked.nodes[index], "input" if norm is not None else MAPS[walked.names[index]])
    shape = shape_of_data(walked, index) if norm is None else getattr(data, "shape", ())
    if (
        not isinstance(data, Tensor)
        or len(shape) != 3
        or shape[0] * shape[1] * shape[2] != data.numel()
    ):
        return None
    places_first = is_places_first(walked, attention, tuple(shape))
    if places_first is None:
        return None
    found = added(walked, _below(walked, index), data.reshape(shape), places_first=places_first)
    if found is None:
        return None
    same = found.is_same()
    if same.is_cpu and not bool(same):
        return None
    apart = (found.apart(one, other) for one, other in combinations(range(COMPARED), 2))
    samples = shape[1] if places_first else shape[0]
    return PendingCodes(
        pack.add(torch.stack([same.double(), found.number, *apart])),
        _is_by_slice(walked, index, samples),
        of_numbers=True,
    )


def _norm_before(walked: Walk, attention: int) -> int | None:
    """The layer norm whose values the maps of an attention are given; None if there is none."""
    start = map_before(walked, walked.inputs[attention][0])
    index = None if start is None else _below(walked, start)
    while index is not None and index >= 0 and walked.names[index] != NORM:
        one, *others = walked.inputs[index]
        is_one = walked.names[index] in LAYOUT | DROPS and not any(i is not None for i in others)
        index = one if is_one else None
    return index if index is not None and index >= 0 else None


def _below(walked: Walk, index: int) -> int | None:
    """The node that made the data of a map, or of an operation on one value."""
    return walked.inputs[index][1 if walked.names[index] == "Addmm" else 0]


def _in_front(walked: Walk, norm: int, given: Rows) -> Rows | None:
    """The same rows as they were before a layer norm; None where they are others."""
    values = saved(walked.nodes[norm], "input")
    if not isinstance(values, Tensor) or values.dim() != 3:
        return None
    places, sequences = given.tokens.shape
    if values.shape[0] != places:
        values = values.transpose(0, 1)
    if values.shape[0] != places or values.shape[1] < sequences:
        return None
    return Rows(values.detach()[:, :sequences], given.tokens)


def _number(tokens: Tensor) -> Tensor:
    """One number of the tokens of the sequences that are compared."""
    some = tokens[:, :COMPARED].double()
    weights = torch.arange(1, some.numel() + 1, device=some.device, dtype=some.dtype)
    return (some.reshape(-1) * weights.sqrt()).sum()


def _apart(rows: Rows) -> Iterator[Tensor]:
    """Root mean square of how far one token's vectors differ, of each pair; -1 if unknown.

    What is exactly 0 is left out: a dropout may have made it so. A unit counts if any token tells.
    """
    values, tokens = rows.values[:, :COMPARED].double(), rows.tokens
    for one, other in combinations(range(COMPARED), 2):
        mine, theirs = values[:, one, None], values[None, :, other]
        told = (tokens[:, one, None] == tokens[None, :, other])[..., None]
        told = (told & (mine != 0) & (theirs != 0)).flatten(0, 1)
        apart = (mine - theirs).flatten(0, 1)
        mean = (apart * told).sum(0) / told.sum(0).clamp_min(1)
        size = mean.square().mean().sqrt()
        yield torch.where(told.any(0).all(), size, -1.0)


def _is_by_slice(walked: Walk, start: int, samples: int) -> bool:
    """Whether weights are added that were sliced, or looked up, by the place in the batch."""
    waiting, seen = [_below(walked, start)], set[int]()
    while waiting:
        index = waiting.pop()
        if index is None or index < 0 or index in seen:
            continue
        seen.add(index)
        name = walked.names[index]
        if name == TOKENS:
            if _counts_up(walked, index, samples):
                return True
        elif name == "Slice" and _is_longer_leaf(walked, index, samples):
            return True
        elif name in LAYOUT | DROPS | SUMS:
            waiting.extend(walked.inputs[index])
    return False


def _counts_up(walked: Walk, index: int, samples: int) -> bool:
    """Whether the samples' numbers are looked up, in their order, in a table that has more."""
    node = walked.nodes[index]
    numbers = saved(node, "indices")
    if numbers is None or numbers.numel() != samples or numbers.shape[0] != samples:
        return False
    in_order = torch.arange(samples, device=numbers.device)
    is_longer = int(node._saved_weight_sym_argsize_0) > samples
    return is_longer and bool((numbers.reshape(-1) == in_order).all())


def _is_longer_leaf(walked: Walk, index: int, samples: int) -> bool:
    """Whether a parameter with more rows than samples is cut to as many rows."""
    leaf = walked.inputs[index][0]
    if leaf is None or leaf >= 0 or not isinstance(walked.leaves[-1 - leaf], nn.Parameter):
        return False
    shape = walked.leaf_shape(-1 - leaf)
    return len(shape) > 1 and walked.shape(index)[:1] == (samples,) and shape[0] > samples
