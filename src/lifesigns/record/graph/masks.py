"""Products with a constant: dropout, gates and masks, told from the constant that was saved."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor

from lifesigns.record.graph.operations import details
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.records import Shape

PRODUCTS = frozenset({"Mul", "Div"})


def masked_to(node: Any, shape: Shape) -> float:
    """The one value beside 0 of the constant a Mul multiplies by; NaN if that is no mask.

    Above 1 it is dropout, as `F.dropout` makes it on CPUs (elsewhere it is a node of its own); at
    1 it is a gate such as `x * (x > 0)`, or in the loss a target such as `y * log(p)`.

    Args:
        node: The autograd node.
        shape: Of what it makes.
    """
    mask = _factor(node)
    if not isinstance(mask, Tensor) or not shape or mask.is_complex():
        return math.nan
    if not _fits(mask, shape):
        return math.nan
    if mask.dtype is torch.bool:
        return 1.0
    mask = mask.detach()
    kept = mask.max()
    two_valued = (mask == 0).any() & ((mask == 0) | (mask == kept)).all()
    return float(kept) if two_valued else math.nan


def told_by(walked: Walk, index: int) -> Hashable:
    """What the values that a node saved tell of its site, at the price of one look at them.

    A factor with the extremes, form and type of a mask seen before, at the same place, is taken
    for one again; between 0 and another number it is looked at anew.

    Args:
        walked: The graph.
        index: Index of a node that `Condensed.told` names.
    """
    name, node = walked.names[index], walked.nodes[index]
    if name not in PRODUCTS:
        return tuple(details(name, node).items())
    factor = _factor(node)
    if not isinstance(factor, Tensor) or factor.is_complex() or not factor.numel():
        return None
    fits = _fits(factor, walked.shape(index))
    form = factor.dtype, fits
    if not factor.is_cpu:  # a look would wait for the device
        return form
    if factor.dtype is torch.bool:
        return *form, bool(factor.detach().any())
    low, high = (float(extreme) for extreme in torch.aminmax(factor.detach()))
    if None not in walked.inputs[index] or not fits:
        return *form, low == high == 0
    return *form, (low, high) if low == 0 or high == 0 else None


def is_zero(node: Any) -> bool:
    """Whether a Mul multiplies by a constant of nothing but zeros, such as a dropout of 1.

    Args:
        node: The autograd node.
    """
    factor = _factor(node)
    if not isinstance(factor, Tensor) or not factor.numel() or factor.is_complex():
        return False
    return not bool(factor.detach().any())


def _fits(mask: Tensor, shape: Shape) -> bool:
    """Whether a mask has a number for each value, or one for each channel of a sample."""
    return tuple(mask.shape) in (shape, (*shape[:2], *[1] * len(shape[2:])))


def _factor(node: Any) -> Any:
    """What a product without a graph on one side multiplies by; None where nothing was saved."""
    return next((m for m in (saved(node, "other"), saved(node, "self")) if m is not None), None)
