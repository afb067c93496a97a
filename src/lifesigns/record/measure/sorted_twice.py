"""Whether rows that were sorted by an index are sorted by it once more, where they were to go back.

`x[order]` takes row `order[i]` to place i. The inverse puts it back, `out[order.argsort()]` or
`out.index_put((order,), …)`; `out[order]` does not: row i ends with what belongs to another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import LINEAR_MAPS, signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

SHARE, ROWS, ORDER = "sorted_twice", "sorted_rows", "sorted_order"
"""Details of a loss: the share of the rows that end in the place of another one, how many rows are
sorted, and a number of their order."""
FEWEST = 4
"""Rows that are sorted."""
MOST, MOST_ELEMENTS = 16, 1 << 20
"""Indices of a graph that are looked at, and numbers of one."""
TAKING = frozenset({"Index", "IndexSelect", "Gather"})
PUTTING = frozenset({"IndexPut", "IndexCopy", "IndexAdd", "Scatter", "ScatterAdd"})
_FIRST = {"Linear": "input", "MkldnnLinear": "input", "Convolution": "input", TOKENS: "indices"} | {
    name: LINEAR_MAPS[name][0] for name in ("Addmm", "Mm")
}
"""What the nodes keep of the data that a network is given."""


class PendingOrders(NamedTuple):
    """What pairs of indices have in common, still on the device: a row for each pair."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss; none where no order is used twice.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for share, rows, order in arrays[self.slot].reshape(-1, 3).tolist():
            if share > 0:
                return {SHARE: share, ROWS: rows, ORDER: order}
        return {}


class _Order(NamedTuple):
    """A node that lays rows out in another order."""

    entries: Tensor
    """`[samples, rows]`: 1 sample where all are laid out alike."""
    given: int | None
    """The node, or leaf, whose rows they are."""
    is_put: bool
    """Whether the index says where a row goes, not where it comes from."""

    def taken(self) -> Tensor:
        """Where each row comes from; an order if they are one."""
        return self.entries.argsort(-1) if self.is_put else self.entries


def sorted_twice(pack: Pack, walked: Walk, batch: Tensor | None = None) -> PendingOrders | None:
    """Looks for an index of rows that is used behind itself.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        batch: What the network is given: its rows may be sorted before anything has a gradient.

    Returns:
        None where no index follows another, and none the data.

    Cost: a look at each name, and one walk for each index of all rows; a sort for each pair.
    """
    orders = dict(islice(_orders(walked), MOST))
    found: list[Tensor] = []
    for order in orders.values():
        route = _route(walked, order.given, orders)
        before = [orders[i] for i in route if i in orders]
        between = route - orders.keys()
        if before and not any(one.given in between for one in before):
            found.extend(_again(order, before))
        elif not before and batch is not None and len(order.entries) == 1:
            found.extend(_of_data(walked, order, between, batch))
    alike = [row for row in found if row.device == found[0].device]
    return PendingOrders(pack.add(torch.cat(alike))) if alike else None


def has_orders(walked: Walk) -> bool:
    """Whether a graph lays rows out by an index.

    Args:
        walked: The graph of a loss.
    """
    return not (TAKING | PUTTING).isdisjoint(walked.names)


# --- indices --------------------------------------------------------------------------------------
def _orders(walked: Walk) -> Iterator[tuple[int, _Order]]:
    """Nodes whose index has as many entries as there are rows, in forward order."""
    for i, name in enumerate(walked.names):
        if name not in TAKING | PUTTING or not walked.inputs[i]:
            continue
        shape, is_put = walked.shape(i), name in PUTTING
        place = _place(name, walked.nodes[i])
        index = None if place is None else _by_rows(shape, *place)
        if index is not None and _given_sizes(walked, i, -1 if is_put else 0) == shape:
            yield i, _Order(index, walked.inputs[i][-1 if is_put else 0], is_put)


def _given_sizes(walked: Walk, i: int, which: int) -> tuple[int, ...]:
    """Of the value that a node reads; empty where it has no gradient."""
    given = walked.inputs[i][which]
    if given is None:
        return ()
    if given < 0:
        return walked.leaf_shape(-1 - given)
    return walked.shape(given, int(walked.nodes[i].next_functions[which][1]))


def _place(name: str, node: Any) -> tuple[int, Tensor] | None:
    """The axis along which a node goes by an index, and the index; None for several."""
    if name in ("Index", "IndexPut"):
        given = saved(node, "indices") or ()
        places = [(axis, one) for axis, one in enumerate(given) if one is not None]
        axis, index = places[0] if len(places) == 1 else (0, None)
    else:
        axis, index = saved(node, "dim"), saved(node, "index")
    known = isinstance(index, Tensor) and isinstance(axis, int)
    return (signed(axis), index) if known and index is not None else None


def _by_rows(shape: tuple[int, ...], axis: int, index: Tensor) -> Tensor | None:
    """The index as `[samples, rows]`; None where it is none of all rows, or one of features."""
    axis %= max(len(shape), 1)
    if not index.is_floating_point() and index.dtype is not torch.bool and len(shape) > axis:
        of_each = index.dim() > 1
        is_rows = axis == 0 or (axis == 1 and (len(shape) > 2 or of_each))
        if is_rows and shape[axis] >= FEWEST and index.numel() <= MOST_ELEMENTS:
            if index.shape == (shape[axis],):
                return index.detach().unsqueeze(0)
            if tuple(index.shape) == shape and not any(index.stride()[axis + 1 :]):
                return index.detach().flatten(axis + 1)[..., 0].reshape(-1, shape[axis])
    return None


def _route(walked: Walk, start: int | None, orders: Iterable[int]) -> set[int]:
    """What leads to a node, up to the next indices of rows."""
    waiting, seen = [start], set[int]()
    while waiting:
        i = waiting.pop()
        if i is None or i < 0 or i in seen:
            continue
        seen.add(i)
        if i not in orders:
            waiting.extend(walked.inputs[i])
    return seen


# --- what they have in common ---------------------------------------------------------------------
def _again(order: _Order, before: list[_Order]) -> Iterator[Tensor]:
    """Whether all rows that are laid out by an order were laid out by it before."""
    index = order.entries
    alike = ((one.entries.shape, one.entries.device) for one in before)
    if any(one != (index.shape, index.device) for one in alike):
        return
    taken = order.taken()
    same = torch.stack([(one.taken() == taken).all() for one in before]).all()
    if not same.is_cpu or bool(same):
        yield _told(index, taken, same)


def _told(index: Tensor, taken: Tensor, same: Tensor, moved: Tensor | None = None) -> Tensor:
    """A row of numbers: the share of rows that end elsewhere, how many there are, their order."""
    places = torch.arange(index.shape[1], device=index.device)
    is_order = (index.sort(-1).values == places).all()
    # what is no order may point outside
    behind = taken.clamp(0, len(places) - 1)
    elsewhere = behind.gather(1, behind) != places if moved is None else moved
    shifted = ((taken - places) % len(places)).flatten()
    share = elsewhere.float().mean() * (same & is_order & (shifted != shifted[0]).any())
    number = (taken.double() * (places + 1).double().sqrt()).sum()
    return torch.stack([share.double(), torch.full_like(number, len(places)), number])


def _of_data(walked: Walk, order: _Order, route: set[int], batch: Tensor) -> Iterator[Tensor]:
    """Whether what a network computes with are the rows of its batch, sorted by an order."""
    if not is_readable(batch) or batch.device != order.entries.device:
        return
    axes = [axis for axis in (0, 1) if batch.shape[axis : axis + 1] == order.entries.shape[1:]]
    taken = order.taken()[0]
    for i in sorted(route):
        word, at = _FIRST.get(walked.names[i]), 1 if walked.names[i] == "Addmm" else 0
        is_data = word == "indices" or (word and walked.inputs[i][at] is None)
        value = saved(walked.nodes[i], word) if word and is_data else None
        if not isinstance(value, Tensor) or not axes:
            continue
        if value.numel() > MOST_ELEMENTS or value.dtype != batch.dtype:
            continue
        for axis in axes:
            rows = batch.detach().movedim(axis, 0)
            used = _rows_of(value.detach(), rows, batch, axis)
            if used is None:
                continue
            inside = taken.clamp(0, len(rows) - 1)
            twice = rows[inside][inside].flatten(1) != rows.flatten(1)
            first = rows if used.dim() == rows.dim() else rows[:, 0]
            same = (used == first[inside]).all() & (used != first).any()
            yield _told(order.entries, order.taken(), same, twice.any(1))
            return


def _rows_of(value: Tensor, rows: Tensor, batch: Tensor, axis: int) -> Tensor | None:
    """What a node computes with, in rows as the batch has them, or packed: the first of each."""
    if value.numel() == batch.numel():
        return value.reshape(batch.shape).movedim(axis, 0)
    is_packed = rows.dim() > 2 and value.dim() == 2 and value.shape[1:] == rows.shape[2:]
    return value[: len(rows)] if is_packed and len(value) >= len(rows) else None
