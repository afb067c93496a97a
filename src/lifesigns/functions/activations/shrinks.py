"""Shrinkage functions: small values are set to zero or drawn towards it."""

from __future__ import annotations

import numpy as np

from lifesigns.functions._elementary import relu
from lifesigns.functions.activations._activation import Activation
from lifesigns.records import Floats

SHRINK = 0.5
"""Default half-width of the dead zone of `softshrink` and `hardshrink`."""


def _outside(x: Floats) -> Floats:
    return np.where(np.abs(x) > SHRINK, 1.0, 0.0)


FAMILY = (
    Activation(
        "softshrink",
        "sign(x) max(0, |x| - 1/2)",
        lambda x: np.sign(x) * relu(np.abs(x) - SHRINK),
        _outside,
        about="The proximal map of the absolute value, for sparse coding.",
        source="Donoho 1995; torch.nn.Softshrink",
        code="nn.Softshrink()",
    ),
    Activation(
        "hardshrink",
        "x if |x| > 1/2 else 0",
        lambda x: x * _outside(x),
        _outside,
        about="Sets small values to zero and keeps the others; it jumps.",
        source="Donoho & Johnstone 1994; torch.nn.Hardshrink",
        code="nn.Hardshrink()",
    ),
    Activation(
        "tanhshrink",
        "x - tanh(x)",
        lambda x: x - np.tanh(x),
        lambda x: np.tanh(x) ** 2,
        about="Almost flat near 0, where preactivations are: signal and gradient fade there.",
        source="torch.nn.Tanhshrink",
        code="nn.Tanhshrink()",
    ),
)
