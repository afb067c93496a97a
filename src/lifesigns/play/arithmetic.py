"""Elementary functions of nothing but + - * / and √, which every machine rounds alike.

`engine/arithmetic.js` says the same, so that a page and Python draw the same numbers to the last
bit; the libraries' own logarithms and sines differ in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.records import Floats

LN2 = 0.6931471805599453
ROOT_HALF = 0.7071067811865476
TURN = 6.283185307179586
LOG_TERMS = 12
TRIG_TERMS = 17


def log(x: ArrayLike) -> Floats:
    """Natural logarithm, within 2 units in the last place.

    Args:
        x: Positive, of any shape.

    Example:
        >>> float(log(2.0))
        0.6931471805599453
    """
    mantissa, exponent = np.frexp(np.asarray(x, float))
    small = mantissa < ROOT_HALF
    mantissa, exponent = np.where(small, mantissa * 2, mantissa), exponent - small
    f = (mantissa - 1) / (mantissa + 1)
    square, total = f * f, np.zeros_like(f)
    for k in reversed(range(LOG_TERMS)):
        total = total * square + 1 / (2 * k + 1)
    return np.asarray(exponent * LN2 + 2 * f * total)


def sin(x: ArrayLike) -> Floats:
    """Sine, by Taylor's series within half a turn.

    Args:
        x: Finite, of any shape.
    """
    within = _within(x)
    return within * _series(within, 1)


def cos(x: ArrayLike) -> Floats:
    """Cosine, likewise.

    Args:
        x: Finite, of any shape.
    """
    return _series(_within(x), -1)


def _series(within: Floats, beside: int) -> Floats:
    """Taylor's series; its k-th term is the one before times x² / (2k · (2k + `beside`))."""
    square, total = within * within, np.ones_like(within)
    for k in range(TRIG_TERMS, 0, -1):
        total = 1 - (total * square) / (2 * k * (2 * k + beside))
    return total


def _within(x: ArrayLike) -> Floats:
    given = np.asarray(x, float)
    return np.asarray(given - TURN * np.floor(given / TURN + 0.5))


def total(values: Floats) -> Floats:
    """The sum over the first axis, added one after the other as a loop does, never in pairs.

    Args:
        values: Shape `[n, ...]`, n at least 1.
    """
    return np.asarray(np.add.accumulate(values, axis=0)[-1])
