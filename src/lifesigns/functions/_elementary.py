"""The elementary functions that the families are built from, stable for every finite input."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.records import Floats

_erfc = np.frompyfunc(math.erfc, 1, 1)
"""A ufunc, as NumPy has none, so that formulas made of it can be read by `lifesigns.play`."""


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)).

    Args:
        x: Preactivations of any shape; large ones of either sign do not overflow.
    """
    half: Floats = 0.5 * (1 + np.tanh(0.5 * x))  # does not overflow
    return half


def sigmoid_slope(x: Floats) -> Floats:
    """Its derivative.

    Args:
        x: Preactivations of any shape; the result is at most 1/4.
    """
    return sigmoid(x) * sigmoid(-x)


def softplus(x: Floats) -> Floats:
    """log(1 + exp(x)).

    Args:
        x: Preactivations of any shape; large ones do not overflow.
    """
    value: Floats = np.logaddexp(0.0, x)
    return value


def normal_cdf(x: Floats) -> Floats:
    """Φ, the probability that a standard normal number is below `x`.

    Args:
        x: Standardised values of any shape; exact far out on the left as well, where 1 - Φ would
            round to 0.
    """
    cdf: Floats = np.multiply(0.5, _erfc(-x / math.sqrt(2)), dtype=float, casting="unsafe")
    return cdf


def relu(x: Floats) -> Floats:
    """max(0, x).

    Args:
        x: Preactivations of any shape.
    """
    return np.maximum(x, 0.0)


def step(x: Floats) -> Floats:
    """1 above 0, else 0: the derivative of ReLU as torch has it.

    Args:
        x: Preactivations of any shape; 0 itself gives 0.
    """
    return np.where(x > 0, 1.0, 0.0)


def inside(x: Floats, low: float, high: float) -> Floats:
    """1 strictly between `low` and `high`, else 0: the derivative of clipping.

    Args:
        x: Preactivations of any shape; at the borders themselves the result is 0.
        low: Where the function begins to follow its input.
        high: Where it ends.
    """
    return np.where((x > low) & (x < high), 1.0, 0.0)
