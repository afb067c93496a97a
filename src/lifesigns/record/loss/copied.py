"""Whether a network is given the very values that it is to give back."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.mixing import DATA


def copied(walked: Walk, target: Tensor) -> dict[str, float]:
    """Details of a loss whose target lies in the memory that a first layer reads.

    Args:
        walked: The graph of the loss.
        target: What the output is compared with.

    Returns:
        Empty if they lie apart; else how often that memory was written to in place.
    """
    if any(_is_same(target, given) for given in _given(walked)):
        return {"target_is_input": 1.0, "written_in_place": float(target._version)}
    return {}


def _given(walked: Walk) -> Iterator[Tensor]:
    """What the layers read that read data."""
    for index, name in enumerate(walked.names):
        if name not in DATA:
            continue
        operand = -2 if name.endswith("mm") else 0
        data = saved(walked.nodes[index], DATA[name])
        if walked.inputs[index][operand] is None and isinstance(data, Tensor):
            yield data


def _is_same(target: Tensor, given: Tensor) -> bool:
    return target.numel() == given.numel() > 0 and target.data_ptr() == given.data_ptr()
