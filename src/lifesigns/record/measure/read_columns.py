"""Which columns of the batch the layers read that take some of them each.

There is no gradient to the data, so memory is compared: a slice begins in the memory of the batch
where its first column does, and has the strides of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lifesigns.record.graph.operations import FUSED_RECURRENT
from lifesigns.record.graph.products import products
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.dealt_out import entries


def has_several_entries(walked: Walk) -> bool:
    """Whether several layers are given something that has no graph.

    Args:
        walked: The graph of a loss.
    """
    recurrent = (walked.inputs[i] for i, name in enumerate(walked.names) if name in FUSED_RECURRENT)
    given = [product.data for product in products(walked)] + [inputs[0] for inputs in recurrent]
    return given.count(None) > 1


def read_columns(walked: Walk, sites: Mapping[int, int], batch: Tensor | None) -> dict[str, float]:
    """Counts the columns that are read, where all slices together are as wide as the batch.

    Args:
        walked: The graph of a loss.
        sites: Numbers of the sites by their nodes.
        batch: What the root module was given; columns, or channels, along dimension 1.

    Returns:
        Marks of the loss: how many slices there are, of how many widths, how many columns they
        read, and of how many; and the site that reads the last slice. Empty for none.
    """
    if batch is None or batch.dim() < 2:
        return {}
    slices = {
        node: columns
        for node, data in entries(walked)
        if (columns := _columns(data, batch)) is not None and node in sites
    }
    widths = [len(columns) for columns in slices.values()]
    if len(slices) < 2 or sum(widths) != batch.shape[1]:
        return {}
    return {
        "columns_read": float(len(set[int]().union(*slices.values()))),
        "columns_given": float(batch.shape[1]),
        "slices": float(len(slices)),
        "slice_widths": float(len(set(widths))),
        "last_slice_at": float(sites[max(slices)]),
    }


def _columns(data: Tensor, batch: Tensor) -> range | None:
    """The columns that a slice of the batch has; None for what is no slice along dimension 1."""
    rows, width, *behind = data.shape if data.dim() > 1 else (0, 0)
    if (rows, *behind) != (batch.shape[0], *batch.shape[2:]) or data.stride() != batch.stride():
        return None
    if data.untyped_storage().data_ptr() != batch.untyped_storage().data_ptr():
        return None
    before = int(data.storage_offset() - batch.storage_offset())
    first, rest = divmod(before, batch.stride(1) or 1)
    inside = not rest and 0 <= first <= batch.shape[1] - width
    return range(first, first + width) if inside else None
