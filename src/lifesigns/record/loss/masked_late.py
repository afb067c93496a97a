"""Targets that are not finite, left out of a loss by a mask only after they were computed with.

The loss is finite then, and its gradient is not: what is left out gets a gradient of 0, which the
derivative of the operation before it, NaN there, turns into NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import LINEAR_MAPS
from lifesigns.record.graph.walk import Walk, saved, value_as_used
from lifesigns.record.measure.reduce import Pack

DIFFERENCES = frozenset({"Sub", "Rsub"})
MASKS = frozenset({"Index", "MaskedFill", "MaskedSelect", "Where"})
"""Operations that may leave values out."""
MOST = 32
"""Nodes that are looked at, from the loss on."""


class PendingMasked(NamedTuple):
    """How many they are, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The detail of a loss; none where all is finite.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        count = float(arrays[self.slot].max())
        return {"masked_late": count} if count else {}


def masked_late(pack: Pack, walked: Walk) -> PendingMasked | None:
    """How many targets are not finite that an operation is given between last weights and a mask.

    Args:
        pack: Where the number waits for the copy.
        walked: The graph of the loss.
    """
    given = [x for i in _behind_masks(walked) if (x := _with_target(walked, i)) is not None]
    counts = [_nonfinite(x) for x in given if x.is_floating_point()]
    return PendingMasked(pack.add(torch.stack(counts).amax())) if counts else None


def _behind_masks(walked: Walk) -> Iterator[int]:
    """Nodes whose values a mask goes over on their way to the loss, down to the last weights."""
    queue, seen = [(root, False) for root in walked.roots], set[tuple[int, bool]]()
    while queue and len(seen) < MOST:
        step = i, masked = queue.pop(0)
        name = walked.names[i]
        if step in seen or name in LINEAR_MAPS:
            continue
        seen.add(step)
        if masked and name not in MASKS:
            yield i
        below = [j for j in walked.inputs[i] if j is not None and j >= 0]
        queue += [(j, masked or name in MASKS) for j in below]


def _with_target(walked: Walk, i: int) -> Tensor | None:
    """The target a node keeps, or its difference from one: such a node makes no NaN of its own."""
    if walked.names[i] in DIFFERENCES and None in walked.inputs[i]:
        return value_as_used(walked, i)
    target = saved(walked.nodes[i], "target")
    return target if isinstance(target, Tensor) and target.grad_fn is None else None


def _nonfinite(values: Tensor) -> Tensor:
    values = values.detach()
    return (values.numel() - values.isfinite().sum()).double()
