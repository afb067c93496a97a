"""How the values of a tensor lie in memory, as the program walks over them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Layout(NamedTuple):
    """Outer × units × inner values, and how far one is from the next, in values."""

    outer: int
    units: int
    inner: int
    outer_stride: int
    unit_stride: int
    inner_stride: int


@lru_cache(maxsize=4096)
def layout(shape: tuple[int, ...], strides: tuple[int, ...], unit_dim: int) -> Layout | None:
    """The layout of a tensor; None if its values lie in more than three strides.

    Observations may be summed in any order: dimensions that lie one after the other in memory are
    one, whatever their order in the tensor.

    Args:
        shape: Of the tensor; below two dimensions there is one unit.
        strides: In values.
        unit_dim: The dimension that holds the units.
    """
    dims = list(zip(shape, strides, strict=True))
    units, unit_stride = dims.pop(unit_dim) if len(dims) > 1 else (1, 0)
    merged: list[tuple[int, int]] = []
    for size, stride in sorted((d for d in dims if d[0] > 1), key=lambda dim: -dim[1]):
        if merged and merged[-1][1] == size * stride:
            size *= merged.pop()[0]
        merged.append((size, stride))
    if len(merged) > 2:
        return None
    if len(merged) == 1:
        beside = merged[0][1] < unit_stride or units == 1
        merged.insert(0 if beside else 1, (1, 0))
    (outer, outer_stride), (inner, inner_stride) = merged or [(1, 0), (1, 0)]
    return Layout(outer, units, inner, outer_stride, unit_stride, inner_stride)
