"""What a gradient still holds of earlier cycles: the exact test of a missing `zero_grad`.

What was there before the cycle's first backward pass is stale for as long as nobody clears it.
Passes add to a gradient; between them it may be kept as it is, multiplied by a factor (clipping by
norm, unscaling), cleared, or changed in a way that leaves open what became of the stale part.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROUNDING = 16
"""A gradient multiplied by one factor is off by no more than this many units of rounding."""


class Leftover:
    """The stale part of one parameter's gradient, on a sample of its elements.

    Args:
        before: The gradient before the cycle's first pass; None if there was none.
        known: False if the cycle had passes that were not followed.
    """

    def __init__(self, before: Tensor | None, known: bool) -> None:
        self._part = None if before is None or not before.any() else before.clone()
        self._known = known or self._part is None

    @property
    def is_none(self) -> bool:
        """Whether nothing is stale."""
        return self._part is None

    def carry(self, left: Tensor | None, found: Tensor | None, eps: float) -> None:
        """Follows the gradient from the end of one pass to the beginning of the next.

        Args:
            left: The gradient as the last pass left it; None if that was not seen.
            found: As it is now; None if there is none.
            eps: Rounding unit of its dtype.
        """
        if self._part is None:
            return
        factor = _factor(left, found, eps)
        self._known &= not math.isnan(factor)
        self._part = None if factor == 0 else self._part * factor

    def rms(self, left: Tensor | None, used: Tensor | None, eps: float) -> float:
        """Root mean square of the stale part of the gradient that the optimizer used.

        In the scale the last pass left it in, as gradients are read: before clipping. NaN where it
        cannot be said. Arguments as those of `carry`.

        Args:
            left: The gradient as the last pass left it; None if that was not seen.
            used: As the optimizer used it; None if there is none.
            eps: Rounding unit of its dtype.
        """
        if self._part is None:
            return 0.0
        factor = _factor(left, used, eps)
        if factor == 0:
            return 0.0
        if not self._known or math.isnan(factor):
            return math.nan
        return float(self._part.double().square().mean().sqrt())


NOTHING = Leftover(None, known=True)
"""Of a gradient that was not there."""


class LateLeftover:
    """The same of a gradient that lies on a device, where a look would wait: numbers stay there.

    Args:
        before: The gradient before the cycle's first pass.
        known: False if the cycle had passes that were not followed.
    """

    is_none = False

    def __init__(self, before: Tensor, known: bool) -> None:
        self._part, self._is_none = before.clone(), ~before.any()
        self._known = torch.full_like(self._is_none, known)

    def carry(self, left: Tensor | None, found: Tensor | None, eps: float) -> None:
        """See `Leftover`."""
        factor = _late_factor(left, found, eps, self._part)
        self._known = self._known & ~factor.isnan()
        self._is_none = self._is_none | (factor == 0)
        self._part = self._part * factor.to(self._part.dtype)

    def rms(self, left: Tensor | None, used: Tensor | None, eps: float) -> Tensor:
        """See `Leftover`; a number in float64 that is not on the host yet."""
        factor = _late_factor(left, used, eps, self._part)
        is_none = self._is_none | (factor == 0)
        rms = self._part.double().square().mean().sqrt()
        rms = torch.where(self._known & ~factor.isnan(), rms, torch.nan)
        return torch.where(is_none, torch.zeros_like(rms), rms)


def leftover(before: Tensor | None, known: bool) -> Leftover | LateLeftover:
    """The stale part of a gradient, looked at now where looking is free.

    Args:
        before: The gradient before the cycle's first pass; None if there was none.
        known: False if the cycle had passes that were not followed.
    """
    if before is None or before.is_cpu:
        return Leftover(before, known)
    return LateLeftover(before, known)


def was_cleared(left: Tensor | None, found: Tensor | None) -> bool:
    """Whether a gradient that the last pass left is gone.

    Args:
        left: The gradient as the last pass left it; None if that was not seen.
        found: As it is now; None if there is none.
    """
    return found is None or bool(left is not None and left.any() and not found.any())


def is_multiple(left: Tensor | None, used: Tensor | None, eps: float) -> bool | Tensor:
    """Whether a gradient is what the last pass left, perhaps multiplied by one factor.

    Args:
        left: The gradient as the last pass left it; None if that was not seen.
        used: As the optimizer used it; None if there is none.
        eps: Rounding unit of its dtype.
    """
    if left is None or used is None:
        return False
    return _late_factor(left, used, eps, left) > 0


def _factor(left: Tensor | None, found: Tensor | None, eps: float) -> float:
    """What a gradient was multiplied by: 0 if it is gone, NaN if it was changed otherwise."""
    if found is None or not found.any():
        return 0.0
    if left is None or left.shape != found.shape:
        return math.nan
    if torch.equal(left, found):
        return 1.0
    wide, now = left.double(), found.double()
    factor = torch.dot(wide, now) / torch.dot(wide, wide)
    expected = factor * wide
    same = ((now - expected).abs() <= ROUNDING * eps * expected.abs()).all()
    return float(factor) if same else math.nan


def _late_factor(left: Tensor | None, found: Tensor | None, eps: float, like: Tensor) -> Tensor:
    """The same, in float64, where nothing is known yet of the values."""
    none = like.new_zeros((), dtype=torch.float64)
    if found is None:
        return none
    if left is None or left.shape != found.shape:
        return torch.where(found.any(), torch.nan, none)
    wide, now = left.double(), found.double()
    factor = torch.dot(wide, now) / torch.dot(wide, wide)
    expected = factor * wide
    same = ((now - expected).abs() <= ROUNDING * eps * expected.abs()).all()
    factor = torch.where(same, factor, torch.nan)
    factor = torch.where((left == found).all(), torch.ones_like(none), factor)
    return torch.where(found.any(), factor, none)
