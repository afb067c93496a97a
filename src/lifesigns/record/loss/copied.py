"""Whether a network is given the very values that it is to give back."""

from __future__ import annotations

from torch import Tensor

from lifesigns.record.graph.products import data_of, products
from lifesigns.record.graph.walk import Walk


def copied(walked: Walk, target: Tensor) -> dict[str, float]:
    """Details of a loss whose target lies in the memory that a first layer reads.

    Args:
        walked: The graph of the loss.
        target: What the output is compared with.

    Returns:
        Empty if they lie apart; else how often that memory was written to in place.
    """
    if not target.is_floating_point():  # class numbers are no factor of a product
        return {}
    given = (data_of(walked, product) for product in products(walked))
    if any(data is not None and _is_same(target, data) for data in given):
        return {"target_is_input": 1.0, "written_in_place": float(target._version)}
    return {}


def _is_same(target: Tensor, given: Tensor) -> bool:
    return target.numel() == given.numel() > 0 and target.data_ptr() == given.data_ptr()
