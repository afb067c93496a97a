"""A few numbers of a tensor, by which it is told whether it was written."""

from __future__ import annotations

import math
from itertools import count

from torch import Tensor

from lifesigns.record.readable import on_this_rank

SPOTS = 64
"""Numbers of a tensor that are looked at, spread over it; a cosine of that many varies by 1/8."""


def spots(tensor: Tensor, most: int = SPOTS) -> Tensor | None:
    """Copies of numbers from all over a tensor, on its device; None where they cannot be read.

    Args:
        tensor: Of any class, shape and layout.
        most: How many numbers.
    """
    whole = on_this_rank(tensor)
    if whole is None or not whole.numel():
        return None
    stride = max(whole.numel() // most, 1)
    row = whole.shape[-1] if whole.dim() else 1
    stride = next(n for n in count(stride) if math.gcd(n, row) == 1)  # no column alone
    return whole.reshape(-1)[::stride][:most].clone()
