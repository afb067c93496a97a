"""What the first attention over tokens is given of them: a row for each token of a sequence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.operations import LINEAR_MAPS, VIEWS
from lifesigns.record.graph.walk import Walk, saved

FEWEST = 4
"""Positions of a sequence in which there is an order to speak of, and sequences to compare."""
MOST_ELEMENTS = 1 << 18
"""Of the rows that are looked at: of a larger batch the first sequences alone."""
EQUAL = 1e-5
"""Of the largest value: rows of one product may be rounded differently."""
MOVED = 8
"""Tokens that stand at several positions of their sequence: fewer may be alike by chance."""
LAYOUT = VIEWS | frozenset(
    {"Expand", "Transpose", "Permute", "Clone", "Unsqueeze", "Squeeze", "Select", "Slice"}
    | {"Split", "Unbind", "Contiguous"}
)
"""Operations that lay values out anew and change none."""
SCALES = frozenset({"Mul", "Div"})
MAPS = {name: LINEAR_MAPS[name][0] for name in ("Addmm", "Mm", "Linear")}


class Rows(NamedTuple):
    """What the first attention is given, by position."""

    values: Tensor
    """Shape `[positions, sequences, width]`."""
    tokens: Tensor
    """Shape `[positions, sequences]`."""

    def alike(self, *, everywhere: bool) -> Tensor:
        """Whether a token has one row wherever it stands, of as many as no accident explains.

        What is exactly 0 is left out, for a dropout may have made it so.

        Args:
            everywhere: In all sequences; otherwise within each.
        """
        places, sequences = self.tokens.shape
        names = self.tokens.t().reshape(-1)
        if not everywhere:
            owner = torch.arange(sequences, device=names.device).repeat_interleave(places)
            least, most = torch.aminmax(names)
            names = names - least + owner * (most - least + 1)
        ids, order = names.sort(stable=True)
        flat = self.values.transpose(0, 1).reshape(len(ids), -1)[order]
        one, other, at = flat[1:], flat[:-1], order % places
        again = (ids[1:] == ids[:-1]) & (at[1:] != at[:-1])
        compared = again[:, None] & (one != 0) & (other != 0)
        apart = torch.where(compared, (one - other).abs(), 0).amax()
        return (again.sum() >= MOVED) & compared.any() & (apart <= EQUAL * flat.abs().amax())

    def are_apart(self) -> bool:
        """Whether some token of the first sequence has two rows; told where looking is free."""
        if not self.values.is_cpu:
            return False
        first, seen = self.values[:, 0], dict[int, int]()
        for place, token in enumerate(self.tokens[:, 0].tolist()):
            other = seen.setdefault(token, place)
            both = (first[other] != 0) & (first[place] != 0)
            apart = (first[other] - first[place]).abs() * both
            if bool(apart.amax() > EQUAL * first.abs().amax()):
                return True
        return False

    def content(self) -> Tensor:
        """How far sequences differ at one position, over how far all rows do.

        The root of a ratio of mean squares, by the share of neighbouring sequences whose tokens
        differ there, so that padding does not count; 1 where hardly any do. What is exactly 0 is
        left out.
        """
        values, there = self.values.double(), self.values != 0
        apart = (self.tokens != self.tokens.roll(1, 1)).double().mean()
        within = _variance(values, there, (1,))
        whole = _variance(values, there, (0, 1))
        share = (within / whole.clamp_min(1e-30) / apart.clamp_min(1e-30)).sqrt()
        return torch.where((apart > 1 / FEWEST) & (whole > 0), share, 1.0)


def _variance(values: Tensor, there: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Mean square of the difference from the mean over these dimensions, of what is there."""
    count = there.sum(dims, keepdim=True).clamp_min(1)
    mean = (values * there).sum(dims, keepdim=True) / count
    return (((values - mean) * there) ** 2).sum() / there.sum().clamp_min(1)


def rows_given(walked: Walk, attention: int, tokens: Tensor) -> Rows | None:
    """What the linear maps before an attention are given; None where it is not known.

    Queries and keys are made of the same values, with nothing but a layout behind the maps: no
    rotation by position. As many sequences as positions are not told from each other.

    Args:
        walked: The graph.
        attention: Index of the attention.
        tokens: What is looked up, `[sequences, positions]` or the other way round.
    """
    query, key = (map_before(walked, side) for side in walked.inputs[attention][:2])
    if query is None or key is None or tokens.shape[0] == tokens.shape[1]:
        return None
    given, other = _data(walked, query), _data(walked, key)
    if given is None or other is None or given.data_ptr() != other.data_ptr():
        return None
    shape = shape_of_data(walked, query)
    if tuple(shape[:-1]) not in (tuple(tokens.shape), tuple(tokens.t().shape)):
        return None
    if min(tokens.shape) < FEWEST or given.numel() != tokens.numel() * shape[-1]:
        return None
    values = given.detach().reshape(shape)
    places_first = is_places_first(walked, attention, shape)
    if places_first is None:
        return None
    values = values if places_first else values.transpose(0, 1)
    ids = tokens if tuple(tokens.shape) == tuple(values.shape[:2]) else tokens.t()
    some = max(FEWEST, MOST_ELEMENTS // max(values.shape[0] * values.shape[2], 1))
    return Rows(values[:, :some], ids[:, :some])


def map_before(walked: Walk, index: int | None) -> int | None:
    """The linear map whose values these are, laid out anew, scaled, and with a bias added.

    Args:
        walked: The graph.
        index: Index of the node that made the values; None for no node.
    """
    while index is not None and index >= 0:
        name, inputs = walked.names[index], walked.inputs[index]
        if name in MAPS:
            return index
        scaled = name in SCALES and _is_scaled(walked, index)
        if not (scaled or name in LAYOUT or is_bias(walked, index)):
            return None
        index = inputs[0]
    return None


def _is_scaled(walked: Walk, index: int) -> bool:
    """Whether all values are multiplied by the same number."""
    other = saved(walked.nodes[index], "other")
    one = not isinstance(other, Tensor) or other.numel() == 1
    return one and walked.inputs[index][1:] in ((), (None,))


def is_bias(walked: Walk, index: int) -> bool:
    """Whether a vector is added, the same for all rows.

    Args:
        walked: The graph.
        index: Index of any node.
    """
    inputs = walked.inputs[index]
    if walked.names[index] != "Add" or len(inputs) < 2 or inputs[1] is None or inputs[1] >= 0:
        return False
    return len(walked.leaf_shape(-1 - inputs[1])) == 1


def _data(walked: Walk, index: int) -> Tensor | None:
    value = saved(walked.nodes[index], MAPS[walked.names[index]])
    return value if isinstance(value, Tensor) else None


def shape_of_data(walked: Walk, index: int) -> tuple[int, ...]:
    """Shape of what a map is given, before it is laid out as rows; empty if that is not known.

    Args:
        walked: The graph.
        index: Index of the map.
    """
    at = walked.inputs[index][0 if walked.names[index] != "Addmm" else 1]
    while at is not None and at >= 0:
        shape = walked.shape(at)
        if len(shape) > 2:
            return shape
        if walked.names[at] not in LAYOUT:
            return ()
        at = walked.inputs[at][0]
    return ()


def is_places_first(walked: Walk, attention: int, shape: tuple[int, ...]) -> bool | None:
    """Whether the first dimension holds the positions, by the lengths that attention compares.

    Args:
        walked: The graph.
        attention: Index of the attention.
        shape: Of what its maps are given.
    """
    length = walked.shape(attention)[-1 if walked.names[attention] == "Bmm" else -2]
    if length not in shape[:2]:
        return None
    return shape[0] == length
