"""Whether two tensors lie in the same memory, though one of them may be gone by now.

An address does not tell: it may be that of a later tensor. A storage that is referred to weakly
lets its memory go, but no other is ever at its place.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from lifesigns.record.readable import is_readable

MOST = 4
"""Tensors of what a module returned that are looked at: a state is seldom the fifth."""

Storage = StorageWeakRef
Place = tuple[Storage, int]
"""The storage of a tensor, and where in it the tensor begins."""


def places_of(values: Any) -> tuple[Place, ...]:
    """Where tensors begin: one, or the first of a tuple or list.

    Args:
        values: What a module was given, or returned.
    """
    several = values if type(values) in (tuple, list) else (values,)
    return tuple([place for value in several[:MOST] if (place := _place(value)) is not None])


def _place(value: Any) -> Place | None:
    if not isinstance(value, Tensor) or not is_readable(value):
        return None
    storage: Storage = StorageWeakRef(value.untyped_storage())  # type: ignore[no-untyped-call]
    return storage, int(value.storage_offset())
