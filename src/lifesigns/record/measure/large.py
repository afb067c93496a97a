"""What is read of tensors that are too large to be read as a whole at every recorded step.

Of a layer with very many units, evenly spread ones are read. Of an embedding, a step changes the
rows that were looked up: all others have a gradient of 0, and reading them would take longer than
the step.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved

MOST_UNITS = 16_384
"""Units of a layer, or rows of a matrix, that are read one by one."""
LARGE = 1 << 23
"""Elements of a weight from which its size is that of the rows that are read."""


def some_rows(tensor: Tensor, from_elements: int = 0) -> Tensor:
    """A tensor, or evenly spread rows of it where it has more than `MOST_UNITS`.

    Args:
        tensor: Rows are along its first dimension.
        from_elements: A smaller tensor is left whole.
    """
    if tensor.dim() < 2 or tensor.numel() < from_elements:
        return tensor
    return some_units(tensor, 0)


def some_units(tensor: Tensor, dim: int) -> Tensor:
    """A view of a tensor that has no more than `MOST_UNITS`, evenly spread, along a dimension.

    Args:
        tensor: Of any shape.
        dim: The dimension that holds the units.
    """
    apart = distance(tensor.shape[dim]) if tensor.dim() else 1
    if apart == 1:
        return tensor
    whole = [slice(None)] * (dim % tensor.dim())
    index = (*whole, slice(None, None, apart))
    return tensor[index]


def how_many_of(units: int) -> int:
    """How many of so many units are read."""
    return len(range(0, units, distance(units)))


def lookups(walked: Walk) -> dict[int, Tensor]:
    """The rows that a pass looks up, by `id` of the parameter; no other row gets a gradient.

    Of parameters without a gradient, which are used in one lookup only and by nothing else, and
    whose gradient nobody changes: no hook, and no other process.
    """
    if "Embedding" not in walked.names:
        return {}
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return {}
    uses = Counter(i for inputs in walked.inputs for i in inputs if i is not None and i < 0)
    found: dict[int, Tensor] = {}
    for index, name in enumerate(walked.names):
        table = walked.inputs[index][0] if name == "Embedding" else None
        if table is None or table >= 0 or uses[table] > 1:
            continue
        leaf, rows = walked.leaves[-1 - table], saved(walked.nodes[index], "indices")
        if isinstance(rows, Tensor) and leaf.grad is None and not _has_hooks(leaf):
            found[id(leaf)] = rows
    return found


def with_a_zero_row(gradient: Tensor, rows: Tensor) -> Tensor:
    """The rows of a gradient that can differ from 0, each once, and one of the others.

    Args:
        gradient: Of a table, `[rows, width]`.
        rows: Numbers of those that were looked up.
    """
    if not rows.is_cpu:
        return _with_zero_rows(gradient, rows)
    touched = torch.unique(rows)
    if len(touched) >= len(gradient):
        return gradient
    return torch.cat([gradient[touched], gradient.new_zeros(1, gradient.shape[1])])


def _with_zero_rows(gradient: Tensor, rows: Tensor) -> Tensor:
    """The same without a wait for how many they are: what is repeated is a row of 0, too."""
    if rows.numel() >= len(gradient):
        return gradient
    ordered = rows.reshape(-1).sort().values
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=is_first[1:])
    each = torch.where(is_first[:, None], gradient[ordered], gradient.new_zeros(()))
    return torch.cat([each, gradient.new_zeros(1, gradient.shape[1])])


def distance(units: int) -> int:
    """How far apart those lie that are read of so many units or rows."""
    return max(1, -(-units // MOST_UNITS))


def _has_hooks(leaf: Tensor) -> bool:
    later = getattr(leaf, "_post_accumulate_grad_hooks", None)
    return bool(leaf._backward_hooks or later)
