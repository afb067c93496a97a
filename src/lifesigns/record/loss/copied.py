"""Whether a network is given the very values that it is to give back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.products import DATA, Product, data_of, parameter_of, products
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.measure.reduce import Pack

MOST_LAYERS, MOST_SAMPLES = 4, 2
"""First layers that are looked at, and samples of more than one row."""
FEWEST, MOST_ROWS, MOST_ELEMENTS = 8, 128, 1 << 20
"""Rows that are compared, and numbers of all places in them."""


class PendingColumns(NamedTuple):
    """Whether targets are among what a first layer is given, still on the device."""

    slot: int
    site: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: that they are, beside something else, and where; empty if not.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        if not arrays[self.slot].any():
            return {}
        return {"target_is_input": 1.0, "told_beside": 1.0, "given_at": float(self.site)}


def copied(walked: Walk, condensed: Condensed, target: Tensor) -> dict[str, float]:
    """Details of a loss whose target lies in the memory that a first layer reads.

    Args:
        walked: The graph of the loss.
        condensed: Its sites.
        target: What the output is compared with.

    Returns:
        Empty if they lie apart; else how often that memory was written to in place, the site that
        reads it, and whether other layers are given something else.
    """
    if not target.is_floating_point():  # class numbers are no factor of a product
        return {}
    given = [(p, data) for p in products(walked) if (data := data_of(walked, p)) is not None]
    same = next((product.node for product, data in given if _is_same(target, data)), None)
    if same is None:
        return {}
    marks = {"target_is_input": 1.0, "written_in_place": float(target._version)}
    if same in condensed.site_of_node:
        marks["given_at"] = float(condensed.site_of_node[same])
    layers = (data for product, data in given if parameter_of(walked, product) is not None)
    if _is_told_a_number(walked, len(target)) or any(_is_apart(target, data) for data in layers):
        marks["told_beside"] = 1.0
    return marks


def among_inputs(
    pack: Pack, walked: Walk, condensed: Condensed, target: Tensor
) -> PendingColumns | None:
    """Looks for the targets among the columns, or channels, of what a first layer is given.

    Args:
        pack: Where the answer waits for the copy.
        walked: The graph of the loss.
        condensed: Its sites.
        target: What the output is compared with.

    Returns:
        None where no layer is given more than the targets are, in as many rows. A layer that is
        called several times does not count: what it was given earlier is to be remembered. Of data
        alone the targets are at least half: a window of a signal that repeats has its future in it.

    Cost: one comparison of 128 rows at most.
    """
    if not target.is_floating_point() or not target.dim():
        return None
    for product, given in islice(_given(walked), MOST_LAYERS):
        dim = 1 if walked.names[product.node] == "Convolution" else -1
        if given.device != target.device or product.node not in condensed.site_of_node:
            continue
        wanted = _as_rows(target.detach(), given)
        if wanted.dim() <= dim:  # one number for each picture
            continue
        rows, wanted = _rows(given.detach(), dim), _rows(wanted, dim)
        more = rows.shape[1] - wanted.shape[1]
        whole = given.numel() * wanted.shape[1] == target.numel() * rows.shape[1]
        if more < 1 or not whole or not FEWEST <= len(rows) == len(wanted):
            continue
        if product.data is None and more > wanted.shape[1]:
            continue
        if rows.numel() * (more + 1) <= MOST_ELEMENTS:
            places = rows.unfold(1, wanted.shape[1], 1) == wanted[:, None]
            varied = (wanted.amax(0) > wanted.amin(0)).all()
            found = places.all(2).all(0).any() & varied
            return PendingColumns(
                pack.add(found.reshape(1).float()), condensed.site_of_node[product.node]
            )
    return None


def _is_same(target: Tensor, given: Tensor) -> bool:
    return target.numel() == given.numel() > 0 and target.data_ptr() == given.data_ptr()


def _is_apart(target: Tensor, given: Tensor) -> bool:
    return target.untyped_storage().data_ptr() != given.untyped_storage().data_ptr()


def _is_told_a_number(walked: Walk, samples: int) -> bool:
    """Whether a table is asked for one row for each sample: a time, a class."""
    numbers = (
        saved(walked.nodes[i], "indices") for i, n in enumerate(walked.names) if n == "Embedding"
    )
    return any(isinstance(one, Tensor) and one.numel() == samples for one in numbers)


def _given(walked: Walk) -> Iterator[tuple[Product, Tensor]]:
    """The layers that are called once, and read data, alone or put together with something else."""
    layers = [(product, parameter_of(walked, product)) for product in products(walked)]
    calls = Counter(leaf for _, leaf in layers)
    for product, leaf in layers:
        if leaf is not None and calls[leaf] == 1 and _holds_data(walked, product.data):
            given = saved(walked.nodes[product.node], DATA[walked.names[product.node]])
            if isinstance(given, Tensor) and given.dim() > 1:
                yield product, given


def _holds_data(walked: Walk, i: int | None) -> bool:
    """Whether a value is data, or has some in it as it is."""
    while i is not None and i >= 0 and walked.names[i] in PASSING:
        inputs = walked.inputs[i]
        i = None if None in inputs else inputs[0]
    return i is None


def _as_rows(target: Tensor, given: Tensor) -> Tensor:
    """Targets in the form of the data: a column, where there is one number for each row."""
    if given.dim() == 2 and target.dim() > 2:  # a linear layer makes rows of sequences
        return target.flatten(0, -2)
    return target.unsqueeze(-1) if target.dim() == given.dim() - 1 else target


def _rows(values: Tensor, dim: int) -> Tensor:
    """Some rows of numbers along a dimension: of samples, or of places in the first few."""
    values = values.movedim(dim, -1)
    if values.dim() > 2:
        values = values[:MOST_SAMPLES].flatten(0, -2)
    return values[:: max(1, len(values) // MOST_ROWS)][:MOST_ROWS]
