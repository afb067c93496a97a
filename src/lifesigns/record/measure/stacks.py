"""Sums by torch's operations: on any device, and on a CPU without a compiled program.

What is counted is counted in the values' own dtype: on a CPU a comparison whose result is boolean
takes ten times as long as one whose result is 0.0 or 1.0, and so does the sum of booleans.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

UNDERFLOW = 1e-37
"""Sums of squares below this have lost digits in float32: elements below 1e-19."""

WIDE = 32
"""Units from which two reductions are faster than one that finds both extremes."""

FOLDS = 64
"""Observations of few units that stand side by side while extremes are looked for."""

COUNTABLE = 1 << 24
"""Ones up to which a float32 adds up every one of them."""


class Lessened(NamedTuple):
    """Where a gradient arrived, but less of it passed on than a flat slope lets through."""

    arrived: Tensor
    slope: float

    def mask(self, passed: Tensor) -> Tensor:
        """Where that is so of what passed on, as booleans.

        Args:
            passed: Of the shape of what arrived.
        """
        arrived, passed = real(self.arrived), real(passed)
        return (passed.abs() < self.slope * arrived.abs()) & (arrived != 0)


class StackedSums(NamedTuple):
    """Sums of several tensors of one shape, each `[tensors, units]`; None for all zero."""

    total: Tensor
    total_squared: Tensor
    minimum: Tensor
    maximum: Tensor
    active: Tensor
    saturated: Tensor | None
    nonfinite: Tensor | None


def stacked_sums(tensors: list[Tensor], flats: list[Tensor]) -> StackedSums:
    """The sums of tensors of one shape.

    Args:
        tensors: As `arranged_values` gives them.
        flats: Where each is flat, of the same shape; none if that is not to be counted.
    """
    values = _stacked(tensors)
    dims = (1, 3) if values.dim() == 4 else (1,)
    work = values * values
    squared, finite = work.sum(dims), None
    if values.device.type == "cpu" and bool(np.isfinite(squared.numpy()).all()):
        low, high = _extremes(values, dims)
        active = _nonzero(values, dims, work)
        tiny = squared.numpy() < UNDERFLOW
        if tiny.any() and active.numpy()[tiny].any():
            squared = values.double().square().sum(dims)
    else:
        finite = torch.isfinite(values)
        low = values.masked_fill(~finite, torch.inf).amin(dims)
        high = values.masked_fill(~finite, -torch.inf).amax(dims)
        values = values.masked_fill(~finite, 0.0)
        active = _nonzero(values, dims, work)
        values = values.double() if values.is_cpu else values
        squared = values.square().sum(dims)
    flat = None
    if flats:
        flat = _stacked(flats) if finite is None else _stacked(flats) & finite
    return StackedSums(
        total=values.sum(dims),
        total_squared=squared,
        minimum=low,
        maximum=high,
        active=active,
        saturated=None if flat is None else torch.count_nonzero(flat, dim=dims),
        nonfinite=None if finite is None else torch.count_nonzero(~finite, dim=dims),
    )


def _stacked(values: list[Tensor]) -> Tensor:
    return values[0].unsqueeze(0) if len(values) == 1 else torch.stack(values)


def _nonzero(values: Tensor, dims: tuple[int, ...], work: Tensor) -> Tensor:
    """How many values of each unit are not 0; `work` is overwritten."""
    if values[0].numel() > COUNTABLE * values.shape[2]:
        return torch.count_nonzero(values, dim=dims)
    return torch.ne(values, 0, out=work).sum(dims)


def _extremes(values: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Minimum and maximum of each unit, by the fastest of three ways (tenfold, on a CPU)."""
    tensors, observations, units = values.shape[:3]
    if len(dims) > 1 or units >= WIDE:
        return values.amin(dims), values.amax(dims)
    folds = math.gcd(observations, FOLDS)
    if observations <= FOLDS or folds * units < WIDE or not values.is_contiguous():
        low, high = torch.aminmax(values, dim=1)
        return low, high
    folded = values.view(tensors, observations // folds, folds * units)
    low, high = folded.amin(1), folded.amax(1)
    return (
        low.view(tensors, folds, units).amin(1),
        high.view(tensors, folds, units).amax(1),
    )


def real(values: Tensor) -> Tensor:
    """Values in float32 or float64.

    Args:
        values: Of any dtype; complex values count by magnitude.
    """
    if values.is_complex():
        values = values.abs()
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def arranged_values(values: Tensor, unit_dim: int) -> Tensor:
    """Values as `[observations, units]`, or `[samples, units, places]` where that takes no copy.

    Args:
        values: Of any shape.
        unit_dim: The dimension that holds the units.
    """
    if unit_dim % max(values.dim(), 1) > 0 and values.is_contiguous():
        units, places = values.shape[unit_dim], math.prod(values.shape[unit_dim:][1:])
        if places > 1:
            return values.reshape(-1, units, places)
    return _in_rows(values, unit_dim)


def arranged_alike(flat: Tensor, arranged: Tensor, unit_dim: int) -> Tensor:
    """What belongs to values, in their arrangement.

    Args:
        flat: Of the shape that the values had, wherever it lies.
        arranged: What `arranged_values` made of them.
        unit_dim: The dimension that holds the units.
    """
    return flat.reshape(arranged.shape) if arranged.dim() == 3 else _in_rows(flat, unit_dim)


def _in_rows(values: Tensor, unit_dim: int) -> Tensor:
    """Values as `[observations, units]`."""
    if values.dim() == 2 and unit_dim in (-1, 1):
        return values
    if values.dim() < 2:
        return values.reshape(-1, 1)
    return values.movedim(unit_dim, -1).reshape(-1, values.shape[unit_dim])
