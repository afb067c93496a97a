"""Whether axes of the batch were to be exchanged, and a view dealt its numbers out anew instead.

`x.view(b, c, t)` of a batch of (b, t, c) has the sizes of `x.transpose(1, 2)`, and other numbers in
every place. There is no gradient to the data, so memory is compared: what a layer is given begins
where the batch does, holds the same numbers in the same order, and has its sizes in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.operations import FUSED_RECURRENT, VIEWS
from lifesigns.record.graph.products import data_of, products
from lifesigns.record.graph.walk import Walk, saved

MOST_NUMBERS = 2**22
"""Of a batch whose memory is another library's, of which the numbers are compared."""
PLACES = 64
"""Where they are compared before all of them are."""


def dealt_out(walked: Walk, sites: Mapping[int, int], batch: Tensor | None) -> dict[str, float]:
    """The site that is given such a view, as a mark of the loss; empty where there is none.

    Args:
        walked: The graph of a loss.
        sites: Numbers of the sites by their nodes.
        batch: What the root module was given; samples along dimension 0.
    """
    node, by_samples = _given_a_view(walked, batch) or (-1, False)
    if node not in sites:
        return {}
    return {"dealt_out_at": float(sites[node]), **({"by_samples": 1.0} if by_samples else {})}


def _given_a_view(walked: Walk, batch: Tensor | None) -> tuple[int, bool] | None:
    """The node that is given such a view, and whether samples and time are what it exchanges."""
    if batch is None or not batch.is_contiguous() or len(_wide(batch.shape)) < 3:
        return None
    for node, data in entries(walked):
        if not data.is_contiguous() or data.numel() != batch.numel():
            continue
        given, seen = tuple(batch.shape), as_given(walked, node, data)
        is_convolved = walked.names[node] == "Convolution"
        exchanged = _are_exchanged if is_convolved else _is_torn
        by_samples = _are_led_by_time(given, seen)
        if (by_samples or exchanged(given, seen)) and _are_the_same(data, batch):
            return node, by_samples
    return None


class Entry(NamedTuple):
    """Data without a graph that a layer is given."""

    node: int
    data: Tensor


def entries(walked: Walk) -> list[Entry]:
    """What convolutions, products and recurrent layers of one node are given that has no graph.

    Args:
        walked: The graph; it keeps the answer.
    """
    if Entry not in walked.kept:
        walked.kept[Entry] = list(_entries(walked))
    found: list[Entry] = walked.kept[Entry]
    return found


def _entries(walked: Walk) -> Iterator[Entry]:
    for product in products(walked):
        if (data := data_of(walked, product)) is not None:
            yield Entry(product.node, data)
    for node, name in enumerate(walked.names):
        data = saved(walked.nodes[node], "input") if name in FUSED_RECURRENT else None
        if data is not None and walked.inputs[node][0] is None:
            yield Entry(node, data)


def as_given(walked: Walk, node: int, data: Tensor) -> tuple[int, ...]:
    """The sizes of what a layer was given, of which a product keeps no more than the rows.

    Args:
        walked: The graph.
        node: Index of a node that multiplies the data.
        data: What it keeps of them.
    """
    after = walked.readers.get(node, [])
    if data.dim() != 2 or len(after) != 1 or walked.names[after[0]] not in VIEWS:
        return tuple(data.shape)
    *rows, _ = walked.shape(after[0])
    return (*rows, data.shape[1]) if prod(rows) == len(data) else tuple(data.shape)


def _are_exchanged(given: tuple[int, ...], seen: tuple[int, ...]) -> bool:
    """Whether the axes behind those that count samples or frames are the same in another order."""
    behind = _wide(seen[1:])
    return any(
        prod(given[:k]) == seen[0] and sorted(_wide(given[k:])) == sorted(behind) != []
        for k in range(1, len(given))
        if _wide(given[k:]) != behind
    )


def _is_torn(given: tuple[int, ...], seen: tuple[int, ...]) -> bool:
    """Whether rows as long as another axis are cut from the batch: neither patches nor parts."""
    last, row = given[-1], seen[-1]
    is_axis = row in given[1:-1] and min(last, row) > 1 and max(last, row) % min(last, row) > 0
    return is_axis and prod(seen[:-1]) % given[0] == 0


def _are_led_by_time(given: tuple[int, ...], seen: tuple[int, ...]) -> bool:
    """Whether samples and time changed places: (b, t, c) is given as (t, b, c)."""
    is_other = len(given) == 3 and given[0] != given[1] and min(given[:2]) > 1
    return is_other and seen == (given[1], given[0], given[2])


def _wide(sizes: tuple[int, ...]) -> list[int]:
    return [size for size in sizes if size > 1]


def _are_the_same(data: Tensor, batch: Tensor) -> bool:
    """Whether both are the same memory; of NumPy's memory there is a copy, which is compared."""
    if data.dtype != batch.dtype or data.device != batch.device:
        return False
    if data.data_ptr() == batch.data_ptr():
        return True
    if data.device.type != "cpu" or data.numel() > MOST_NUMBERS:
        return False
    numbers, others = data.detach().flatten(), batch.detach().flatten()
    apart = max(len(numbers) // PLACES, 1)
    if not torch.equal(numbers[::apart], others[::apart]):
        return False
    varied = bool((numbers != numbers[0]).any().item())
    return varied and torch.equal(numbers, others)
