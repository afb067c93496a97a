"""How many times larger or smaller something is, as people write it."""

from __future__ import annotations

LARGE, TOO_LARGE = 100, 1e6
"""From where on there is no point, and from where on digits would only be counted."""


def fold(factor: float) -> str:
    """A factor with two digits that count: `2.7-fold`, `1,900-fold`.

    Args:
        factor: Above 0; infinity and NaN are written as they are.

    Example:
        >>> fold(2.71), fold(1894.0), fold(3e9)
        ('2.7-fold', '1,900-fold', '3e+09-fold')
    """
    shown = f"{factor:.2g}"
    return f"{float(shown):,.0f}-fold" if LARGE <= factor < TOO_LARGE else f"{shown}-fold"
