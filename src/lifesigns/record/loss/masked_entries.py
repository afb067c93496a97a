"""Minima and maxima that take what a mask has set, not what it was to leave.

`(distance * is_other).min(1)` is to find the nearest of the others. The entries that the mask sets
to 0 are smaller than any distance: they are the minimum of each row, and no other gets a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING, numel
from lifesigns.record.measure.reduce import Pack

SET, ROWS, LOWEST, PRODUCT = "set_wins", "masked_rows", "lowest_of_masked", "masked_by_product"
"""Details of a loss: of so many rows that a mask has set in part, in how many the set entries win;
whether a minimum is taken, and whether the mask is multiplied with."""
LEFT = 2
"""Entries of a row, at least, that the mask leaves: the only one may be the row's own sample."""
MOST = 32
"""Minima and maxima that are looked at."""
FARTHEST = 8
"""Operations between the mask and the minimum."""
_LOWEST = frozenset({"Amin", "Min"})
_PICKS = _LOWEST | {"Amax", "Max", "Topk"}
_SAME_ORDER = frozenset(
    {"Alias", "Clone", "Reshape", "ReshapeAlias", "Squeeze", "ToCopy", "UnsafeView", "Unsqueeze",
     "View"}
)  # fmt: skip
"""What hands all elements on in the order in which they are counted."""
_EACH = frozenset({"Add", "Clamp", "ClampMax", "ClampMin", "Div", "Mul", "Neg", "Sqrt", "Sub"})
"""What computes each element from that in its place."""


class _Found(NamedTuple):
    """Rows of one minimum."""

    form: tuple[bool, bool]
    """Whether it is the lowest entry, and whether the mask is multiplied with."""
    counts: Tensor
    """In how many rows a set entry wins, and of how many that are set in part."""


class PendingEntries(NamedTuple):
    """The rows of each form, still on the device."""

    slots: tuple[int, ...]
    forms: tuple[tuple[bool, bool], ...]

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss, of the form whose set entries win the most often.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        known = [(arrays[s].tolist(), f) for s, f in zip(self.slots, self.forms, strict=True)]
        known = [(counts, form) for counts, form in known if counts[1]]
        if not known:
            return {}
        (wins, rows), (lowest, product) = max(known, key=lambda one: one[0][0] / one[0][1])
        return {SET: wins, ROWS: rows, LOWEST: float(lowest), PRODUCT: float(product)}


def masked_entries(pack: Pack, walked: Walk) -> PendingEntries | None:
    """Looks at what minima and maxima pick behind a mask.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where none is taken of what a mask has set. A maximum that is subtracted from what it
        is taken of, as for a softmax by hand, is left out.

    Cost: one look at each name; a few reductions for a minimum behind a mask.
    """
    if _PICKS.isdisjoint(walked.names):
        return None
    by_form: dict[tuple[bool, bool], list[Tensor]] = {}
    for one in _found(walked):
        by_form.setdefault(one.form, []).append(one.counts)
    if not by_form:
        return None
    slots = (pack.add(torch.stack(counts).sum(0)) for counts in by_form.values())
    return PendingEntries(tuple(slots), tuple(by_form))


def _found(walked: Walk) -> Iterator[_Found]:
    picking = [i for i, name in enumerate(walked.names) if name in _PICKS]
    for i in picking[:MOST]:
        lowest, below = walked.names[i] in _LOWEST, walked.inputs[i][0]
        at = _masked(walked, below)
        if at is None or below is None or (not lowest and _is_subtracted(walked, i, below)):
            continue
        masked, is_product = _is_set(walked, at)
        if masked is None or masked.numel() != numel(walked.shape(below)):
            continue
        tied = _tied(walked, at, masked) if is_product else None
        counts = _counts(walked.nodes[i], masked.reshape(walked.shape(below)), tied)
        if counts is not None:
            yield _Found((lowest, is_product), counts)


def _masked(walked: Walk, i: int | None) -> int | None:
    """The nearest operation that a mask may have been given to, with all elements in their order.

    A product is one if the other factor has more than one element.
    """
    for _ in range(FARTHEST):
        if i is None or i < 0:
            return None
        name, given = walked.names[i], [j for j in walked.inputs[i] if j is not None]
        if name in ("MaskedFill", "Where", "IndexPut"):
            return i if len(given) == 1 else None
        if name == "Mul" and _mask_of(walked, i) is not None:
            return i
        if name not in _SAME_ORDER | _EACH or len(given) != 1:
            return None
        i = given[0]
    return None


def _mask_of(walked: Walk, i: int) -> Tensor | None:
    """The data that a product is made with, if it is more than a number."""
    inputs, node = walked.inputs[i], walked.nodes[i]
    if len(inputs) != 2 or (inputs[0] is None) == (inputs[1] is None):
        return None
    data = saved(node, "self" if inputs[0] is None else "other")
    return data if isinstance(data, Tensor) and data.numel() > 1 else None


def _is_set(walked: Walk, i: int) -> tuple[Tensor | None, bool]:
    """Which elements a mask has set, and whether it is multiplied with; None if it is no mask."""
    node, name, shape = walked.nodes[i], walked.names[i], walked.shape(i)
    if name == "Mul":
        mask = _mask_of(walked, i)
        if mask is None or mask.requires_grad:
            return None, True
        is_mask = ((mask == 0) | (mask == 1)).all()
        return ((mask == 0) & is_mask).expand(shape), True
    if name == "IndexPut":
        return _put(node, shape), False
    mask = saved(node, "mask" if name == "MaskedFill" else "condition")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        return None, False
    if name == "Where" and walked.inputs[i][0] is not None:
        mask = ~mask
    return mask.expand(shape), False


def _put(node: Any, shape: tuple[int, ...]) -> Tensor | None:
    """The elements that `x[mask] = number` sets, where the mask has all dimensions."""
    indices = saved(node, "indices") or ()
    given = [index for index in indices if isinstance(index, Tensor)]
    if saved(node, "accumulate") or not given or len(given) != len(indices):
        return None
    if given[0].dtype == torch.bool:
        return given[0] if tuple(given[0].shape) == shape else None
    if len(given) != len(shape):
        return None
    found = torch.zeros(shape, dtype=torch.bool, device=given[0].device)
    found[tuple(given)] = True
    return found


def _tied(walked: Walk, i: int, masked: Tensor) -> Tensor | None:
    """Elements that are left and 0 all the same, where the factor is kept, as that of a ReLU."""
    below = next(j for j in walked.inputs[i] if j is not None)
    while below >= 0 and walked.names[below] in _SAME_ORDER:
        below = next((j for j in walked.inputs[below] if j is not None), -1)
    kept = saved(walked.nodes[below], "result") if below >= 0 else None
    if not isinstance(kept, Tensor) or kept.numel() != masked.numel():
        return None
    return ~masked & (kept.detach().reshape(masked.shape) == 0)


def _is_subtracted(walked: Walk, i: int, below: int | None) -> bool:
    """Whether a maximum is subtracted from what it is taken of."""
    waiting, seen = [i], set[int]()
    while waiting:
        at = waiting.pop()
        for reader in walked.readers.get(at, ()):
            if walked.names[reader] == "Sub" and below in walked.inputs[reader]:
                return True
            if walked.names[reader] in PASSING and reader not in seen:
                seen.add(reader)
                waiting.append(reader)
    return False


def _counts(node: Any, masked: Tensor, tied: Tensor | None) -> Tensor | None:
    """In how many rows a set entry is picked, of how many in which some are set and some left."""
    indices = saved(node, "indices")
    if isinstance(indices, Tensor):
        dims = [signed(int(node._saved_dim)) % masked.dim()]
        if not getattr(node, "_saved_keepdim", True):
            indices = indices.unsqueeze(dims[0])
        wins = masked.gather(dims[0], indices).all(dims[0])
    else:
        values, result = saved(node, "self"), saved(node, "result")
        if not isinstance(values, Tensor) or not isinstance(result, Tensor):
            return None
        values, result = values.detach(), result.detach()
        dims = [signed(int(d)) % masked.dim() for d in getattr(node, "_saved_dim", ())]
        dims = sorted(dims) or list(range(masked.dim()))
        if result.dim() != masked.dim():
            for dim in dims:
                result = result.unsqueeze(dim)
        best = values == result
        wins = (best & masked).any(dims) & ~(best & ~masked).any(dims)
    some = masked.any(dims) & ((~masked).sum(dims) >= LEFT)
    if tied is not None:
        some &= ~tied.reshape(masked.shape).any(dims)
    return torch.stack([(wins & some).sum(), some.sum()])
