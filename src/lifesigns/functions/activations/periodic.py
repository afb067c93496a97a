"""Periodic functions: for signals, positions and what repeats."""

from __future__ import annotations

import numpy as np

from lifesigns.functions.activations._activation import Activation

FAMILY = (
    Activation(
        "sin",
        "sin(x)",
        np.sin,
        np.cos,
        about="For coordinates and signals; needs an initialisation of its own (SIREN).",
        source="Sitzmann et al. 2020",
        code="Sine()",
    ),
    Activation(
        "snake",
        "x + sin²(a x)/a, a learned from 1",
        lambda x: x + np.sin(x) ** 2,
        lambda x: 1 + np.sin(2 * x),
        about="Learns what repeats and still extrapolates a trend.",
        source="Ziyin et al. 2020",
        code="Snake()",
        parameters="1 per unit, or 1 shared",
    ),
)
