"""Smooth rectifiers: ReLU's shape without its kink; some dip below zero."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.functions._elementary import normal_cdf, sigmoid, softplus
from lifesigns.functions.activations._activation import Activation
from lifesigns.records import Floats

GELU_RATE, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715
"""Of the approximation by tanh. Source: Hendrycks & Gimpel 2016."""


def gelu(x: Floats) -> Floats:
    """X times the probability that a standard normal number is below it.

    Args:
        x: Preactivations of any shape.
    """
    return x * normal_cdf(x)


def gelu_slope(x: Floats) -> Floats:
    """Its derivative.

    Args:
        x: Preactivations of any shape; the slope is negative below about -0.75.
    """
    return normal_cdf(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def silu(x: Floats) -> Floats:
    """X times its sigmoid.

    Args:
        x: Preactivations of any shape.
    """
    return x * sigmoid(x)


def silu_slope(x: Floats) -> Floats:
    """Its derivative.

    Args:
        x: Preactivations of any shape; the slope is negative below about -1.28.
    """
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def _gelu_tanh(x: Floats) -> Floats:
    value: Floats = 0.5 * x * (1 + np.tanh(GELU_RATE * (x + GELU_CUBIC * x**3)))
    return value


def _gelu_tanh_slope(x: Floats) -> Floats:
    t = np.tanh(GELU_RATE * (x + GELU_CUBIC * x**3))
    slope: Floats = 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * GELU_RATE * (1 + 3 * GELU_CUBIC * x**2)
    return slope


def _mish_slope(x: Floats) -> Floats:
    squashed = np.tanh(softplus(x))
    slope: Floats = squashed + x * sigmoid(x) * (1 - squashed**2)
    return slope


def _hardswish_slope(x: Floats) -> Floats:
    return np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0))


FAMILY = (
    Activation(
        "gelu",
        "x Φ(x)",
        gelu,
        gelu_slope,
        about="The default of transformers: x weighted by how large it is among normal numbers.",
        source="Hendrycks & Gimpel 2016",
        code="nn.GELU()",
    ),
    Activation(
        "gelu_tanh",
        "x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))",
        _gelu_tanh,
        _gelu_tanh_slope,
        about="GELU by tanh, as in BERT and GPT-2; within 5e-4 of it.",
        source="Hendrycks & Gimpel 2016",
        code='nn.GELU(approximate="tanh")',
    ),
    Activation(
        "silu",
        "x sigmoid(x)",
        silu,
        silu_slope,
        about="Also called Swish: smooth, and units do not die exactly.",
        source="Elfwing et al. 2018; Ramachandran et al. 2017",
        code="nn.SiLU()",
    ),
    Activation(
        "mish",
        "x tanh(softplus(x))",
        lambda x: x * np.tanh(softplus(x)),
        _mish_slope,
        about="Close to SiLU, a little deeper below 0.",
        source="Misra 2019",
        code="nn.Mish()",
    ),
    Activation(
        "hardswish",
        "x min(1, max(0, x/6 + 1/2))",
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        _hardswish_slope,
        about="SiLU of straight lines and a parabola, for phones; flat below -3.",
        source="Howard et al. 2019 (MobileNetV3)",
        code="nn.Hardswish()",
    ),
    Activation(
        "softplus",
        "log(1 + exp(x))",
        softplus,
        sigmoid,
        about="A smooth ReLU that is always positive: for scales and variances at an output.",
        source="Dugas et al. 2001",
        code="nn.Softplus()",
    ),
    Activation(
        "squareplus",
        "(x + √(x² + 4)) / 2",
        lambda x: (x + np.hypot(x, 2.0)) / 2,
        lambda x: (1 + x / np.hypot(x, 2.0)) / 2,
        about="Softplus by a square root alone, without exp.",
        source="Barron 2021",
        code="Squareplus()",
    ),
)
