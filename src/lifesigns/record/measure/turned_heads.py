"""Whether rotary positions turn queries and keys by their head, and not by their position.

What takes axis 1 as that of the positions, `[batch, positions, heads, width]`, and is given values
whose heads are there already, turns all positions of a head by one angle. Query and key are turned
alike, and their products are what they were: attention is told nothing of positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX, VIEWS, signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.order_blind import attentions
from lifesigns.record.measure.reduce import Pack

HEADS, POSITIONS = "turned_heads", "turned_positions"
"""Details of a loss: how many heads are turned, each by its own angles, and how many positions of
each of them alike."""
MOST, MOST_STEPS = 4, 64
"""Attentions that are looked at, and operations in front of one side of them."""
MOST_ELEMENTS = 1 << 20
ONE = 0.02
"""How far the square of a cosine and that of a sine are from 1, in bfloat16."""
_KEEPING = VIEWS | {"Add", "Cat", "Clone", "ConstantPadNd", "Div", "Expand", "Neg", "Select"}
_PASSED = _KEEPING | {"Slice", "Split", "SplitWithSizes", "Squeeze", "Stack", "Sub", "ToCopy"}
_ALONG = _PASSED | {"Mul", "Unbind", "UnsafeSplit", "Unsqueeze", "ViewAsComplex", "ViewAsReal"}
_EXCHANGING = frozenset({"Transpose", "Permute", "T"})


class PendingTurned(NamedTuple):
    """Whether both sides of attentions are turned by their heads, still on the device."""

    slot: int
    sizes: tuple[tuple[int, int], ...]
    """Heads and positions of each."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for is_turned, (heads, positions) in zip(arrays[self.slot], self.sizes, strict=True):
            if is_turned:
                return {HEADS: float(heads), POSITIONS: float(positions)}
        return {}


class _Axes(NamedTuple):
    """Where the heads and the positions of a value are; heads and samples may be one axis yet."""

    heads: int
    positions: int

    @property
    def told(self) -> int:
        """How many axes from the first on are to stay as they are."""
        return max(self) + 1


def has_constants(walked: Walk) -> bool:
    """Whether a graph has attention, and products in front of it.

    Args:
        walked: The graph of a loss.
    """
    return "Mul" in walked.names and next(attentions(walked), None) is not None


def turned_heads(pack: Pack, walked: Walk) -> PendingTurned | None:
    """Looks for attention whose queries and keys are turned by their heads.

    Args:
        pack: Where the answer waits for the copy.
        walked: The graph of a loss.

    Returns:
        None where no query and key are multiplied by constants of the heads.

    Cost: a look at some operations in front of the first attentions; of what fits one comparison.
    """
    found: list[tuple[Tensor, tuple[int, int]]] = []
    for index in islice(attentions(walked), MOST):
        sides = [list(_constants(walked, *start)) for start in _starts(walked, index)]
        if len(sides) == 2 and all(sides) and (told := _told(*sides)) is not None:
            found.append((told, (len(sides[0][0]), walked.shape(index)[-2])))
    if not found:
        return None
    answers, sizes = zip(*found, strict=True)
    return PendingTurned(pack.add(torch.stack(answers)), sizes)


def _starts(walked: Walk, index: int) -> Iterator[tuple[int, _Axes]]:
    """The nodes that made query and key, and where their axes are."""
    is_fused = walked.names[index].startswith(ATTENTION_PREFIX)
    inputs = walked.inputs[index][:2] if is_fused else walked.inputs[index][-2:]
    for key, i in enumerate(inputs):
        if i is not None and i >= 0:
            yield i, _Axes(1, 2) if is_fused else _Axes(0, 2 if key else 1)


def _constants(walked: Walk, start: int, axes: _Axes) -> Iterator[Tensor]:
    """What a side is multiplied by on the way, `[heads, width]`, the same for all positions.

    Nothing of a side that something else multiplies as well, as position by position.
    """
    waiting, seen, found = [(start, axes)], set[int](), list[Tensor]()
    while waiting and len(seen) < MOST_STEPS:
        i, axes = waiting.pop()
        shape, name = walked.shape(i), walked.names[i]
        if i in seen or len(shape) < axes.told:
            continue
        seen.add(i)
        if name == "Mul" and None in walked.inputs[i]:
            given = saved(walked.nodes[i], "other" if walked.inputs[i][1] is None else "self")
            if isinstance(given, Tensor) and given.numel() > 1:
                by_head = _by_head(given.detach(), shape, axes)
                if by_head is None:
                    return
                found.append(by_head)
        below = (j for j in walked.inputs[i] if j is not None and j >= 0)
        waiting.extend((j, known) for j in below if (known := _axes_below(walked, i, j, axes)))
    yield from found


def _by_head(given: Tensor, shape: tuple[int, ...], axes: _Axes) -> Tensor | None:
    """A constant as `[heads, rest]`, if it has one value for all positions of a head."""
    if given.numel() > MOST_ELEMENTS or len(shape) < 4 or axes.told == len(shape):
        return None
    whole = given.expand(shape)
    varies = [size > 1 and stride > 0 for size, stride in zip(shape, whole.stride(), strict=True)]
    kept = axes.heads, len(shape) - 1
    if not all(varies[axis] == (axis in kept) for axis in range(len(shape))):
        return None
    if shape[axes.positions] < 2:
        return None
    at = tuple([slice(None) if axis in kept else 0 for axis in range(len(shape))])
    return whole[at]


def _axes_below(walked: Walk, i: int, below: int, axes: _Axes) -> _Axes | None:
    """Where the axes are in what a node is given; None where that is not known."""
    name, node, shape = walked.names[i], walked.nodes[i], walked.shape(i)
    reads = zip(walked.inputs[i], node.next_functions, strict=True)
    number = next(int(of[1]) for j, of in reads if j == below)
    given = walked.shape(below, number)
    if name in _EXCHANGING:
        order = _order(name, node, len(shape))
        return _Axes(*(order[axis] for axis in axes))
    if name not in _ALONG:
        return None
    if given[: axes.told] == shape[: axes.told]:
        return axes
    # samples and heads were one axis
    is_apart = name in VIEWS and len(given) == len(shape) + 1 and axes.heads == 0
    if is_apart and given[0] * given[1] == shape[0] and given[2:] == shape[1:]:
        return _Axes(1, axes.positions + 1)
    return None


def _order(name: str, node: object, rank: int) -> list[int]:
    """From which axis of what it is given each axis of a node's value is."""
    order = list(range(rank))
    if name == "Permute":
        return [signed(int(dim)) % rank for dim in saved(node, "dims")]
    one, other = (0, 1) if name == "T" else (saved(node, "dim0"), saved(node, "dim1"))
    one, other = (signed(int(dim)) % rank for dim in (one, other))
    order[one], order[other] = other, one
    return order


def _told(queries: list[Tensor], keys: list[Tensor]) -> Tensor | None:
    """Whether both are turned by the same angles, which differ between heads."""
    mine, theirs = _turn(queries), _turn(keys)
    if mine is None or theirs is None or mine.shape != theirs.shape:
        return None
    if mine.device != theirs.device:
        return None
    values = mine.float()
    is_one = ((values.square().sum(0) - 1).abs() < ONE).all()
    differ = (values[:, 1:] != values[:, :1]).any() & (values != values[..., :1]).any()
    same = (mine == theirs).all() | (mine == theirs.flip(0)).all()
    return is_one & differ & same


def _turn(constants: list[Tensor]) -> Tensor | None:
    """The cosines and the sines of a rotation, in any order: `[2, heads, width]`."""
    known = list({one.data_ptr(): one for one in constants}.values())
    first, last = known[0], known[-1]
    if len(known) == 1 and first.is_complex():
        return torch.view_as_real(first).movedim(-1, 0)
    if len(known) != 2 or first.shape != last.shape or first.dtype != last.dtype:
        return None
    return None if first.is_complex() else torch.stack([first, last])
