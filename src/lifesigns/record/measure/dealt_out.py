"""Whether axes of the batch were to be exchanged, and a view dealt its numbers out anew instead.

`x.view(b, c, t)` of a batch of (b, t, c) has the sizes of `x.transpose(1, 2)`, and other numbers in
every place. There is no gradient to the data, so memory is compared: what a layer is given begins
where the batch does, holds the same numbers in the same order, and has its sizes in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from lifesigns.record.graph.products import data_of, products
from lifesigns.record.graph.walk import Walk

MOST_NUMBERS = 2**22
"""Of a batch whose memory is another library's, of which the numbers are compared."""


def dealt_out(walked: Walk, sites: Mapping[int, int], batch: Tensor | None) -> dict[str, float]:
    """The site that is given such a view, as a mark of the loss; empty where there is none.

    Args:
        walked: The graph of a loss.
        sites: Numbers of the sites by their nodes.
        batch: What the root module was given; samples along dimension 0.
    """
    site = sites.get(node) if (node := _given_a_view(walked, batch)) is not None else None
    return {} if site is None else {"dealt_out_at": float(site)}


def _given_a_view(walked: Walk, batch: Tensor | None) -> int | None:
    """The node of a convolution or product that is given such a view."""
    if batch is None or not batch.is_contiguous() or len(set(_wide(batch.shape[1:]))) < 2:
        return None
    for product in products(walked):
        data = data_of(walked, product)
        if data is None or not data.is_contiguous() or data.numel() != batch.numel():
            continue
        is_convolved = walked.names[product.node] == "Convolution"
        exchanged = _are_exchanged if is_convolved else _is_torn
        if exchanged(tuple(batch.shape), tuple(data.shape)) and _are_the_same(data, batch):
            return product.node
    return None


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
    numbers = data.detach().flatten()
    varied = bool((numbers != numbers[0]).any().item())
    return varied and torch.equal(numbers, batch.detach().flatten())
