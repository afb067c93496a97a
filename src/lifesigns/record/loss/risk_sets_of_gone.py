"""Risk sets of a Cox likelihood that hold those who have left, not those who are still at risk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.sort_calls import SortCalls
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.inverted_mask import left_by
from lifesigns.record.loss.risk_sets import growing_sums
from lifesigns.record.loss.sources import GUARDS, numel
from lifesigns.record.measure.reduce import Pack

_KEEPING = GUARDS | {"Flip", "Index"}
"""What a growing sum, or its logarithm, passes on its way into the loss."""
_BETWEEN = GUARDS | {"Exp", "Flip", "Sub"}
"""What stands between the growing sum and what was put in order: a greatest score is subtracted."""


class PendingOrder(NamedTuple):
    """The direction of an order, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: whether risk sets were looked at, and hold those who have left.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        known, gone = arrays[self.slot].tolist()
        return {"risk_sets_sorted": 1.0, "risk_sets_of_gone": float(gone)} if known else {}


def may_add_up(walked: Walk) -> bool:
    """Whether a graph may hold the sum of a risk set.

    Args:
        walked: The graph.
    """
    return bool(growing_sums(walked))


def risk_sets_of_gone(pack: Pack, walked: Walk, sorts: SortCalls) -> PendingOrder | None:
    """Looks at the direction in which the sums of a Cox likelihood grow.

    The rows were put in order by numbers of which none is negative, the durations; events and those
    of whom the end is not known are told apart by a mask of 0 and 1, or the former are picked.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        sorts: What the step has sorted; from here on it notes that.

    Cost: some comparisons of as many numbers as there are samples.
    """
    sorts.want()
    for at in growing_sums(walked):
        found = _order_below(walked, at)
        keys = None if found is None else sorts.keys_of(found[0])
        if found is None or keys is None or _is_undone(walked, at):
            continue
        order, is_turned = found
        events = _events(walked, order.numel())
        if events is None or not order.numel():
            continue
        sorted_keys = keys.detach().reshape(-1)[order.reshape(-1)].double()
        steps = sorted_keys.diff()
        grows, falls = (steps >= 0).all(), (steps <= 0).all()
        known = (sorted_keys >= 0).all() & (grows ^ falls) & events
        return PendingOrder(pack.add(torch.stack([known, falls if is_turned else grows]).double()))
    return None


def _order_below(walked: Walk, at: int) -> tuple[Tensor, bool] | None:
    """The order of the rows that a growing sum adds up, and whether they were turned since."""
    below, is_turned = walked.inputs[at][0], False
    while below is not None and below >= 0 and walked.names[below] in _BETWEEN:
        is_turned ^= walked.names[below] == "Flip"
        below = walked.inputs[below][0]
    order = None if below is None or below < 0 else _picked(walked, below)
    size, dim = walked.shape(at), saved(walked.nodes[at], "dim")
    if order is None or not size or dim is None:
        return None
    along = size[int(dim) - (1 << 64) if int(dim) >= 1 << 63 else int(dim)]
    return (order, is_turned) if order.numel() == along == numel(size) else None


def _picked(walked: Walk, i: int) -> Tensor | None:
    """The indices of the rows that a node picks."""
    given = saved(walked.nodes[i], "indices" if walked.names[i] == "Index" else "index")
    picks = [one for one in given if one is not None] if isinstance(given, tuple) else [given]
    return picks[0] if len(picks) == 1 and isinstance(picks[0], Tensor) else None


def _is_undone(walked: Walk, at: int) -> bool:
    """Whether a sum is subtracted from another, or an exponential is taken of its logarithm.

    So are sums over all others made: the sum of all, less those that came before.
    """
    waiting = [(at, walked.names[at] == "Logcumsumexp")]
    for i, is_log in waiting:
        for reader in walked.readers.get(i, ()):
            name = walked.names[reader]
            if name == "Exp" or (name in ("Sub", "Rsub") and not is_log):
                return True
            if name in _KEEPING or name == "Log":
                waiting.append((reader, is_log or name == "Log"))
    return False


def _events(walked: Walk, size: int) -> Tensor | bool | None:
    """Whether some samples count, and others not; None where nothing tells them apart."""
    told = list[Tensor]()
    for i, name in enumerate(walked.names):
        if name in ("Mul", "Dot"):
            factors = (saved(walked.nodes[i], word) for word in ("self", "other", "tensor"))
            told += [f for f in factors if isinstance(f, Tensor) and not f.requires_grad]
        elif name == "MaskedSelect":
            told += [m for m in (saved(walked.nodes[i], "mask"),) if m is not None]
        elif name in ("Index", "Where", "MaskedFill"):
            kept = left_by(walked, i)
            told += [] if kept is None else [kept]
            if kept is None and name == "Index" and 0 < numel(walked.shape(i)) < size:
                return True
    masks = [m.detach() for m in told if m.numel() == size and m.dim()]
    if not masks:
        return None
    known = [((m == 0) | (m == 1)).all() & (m == 0).any() & (m == 1).any() for m in masks]
    return torch.stack(known).any()
