"""Exponential units: linear above zero, an exponential that levels off below."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lifesigns.functions.activations._activation import Activation
from lifesigns.functions.activations._facts import INF
from lifesigns.records import Floats

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Make mean 0 and variance 1 a stable fixed point. Source: Klambauer et al. 2017, equation 14."""


def _elu(x: Floats) -> Floats:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _elu_slope(x: Floats) -> Floats:
    return np.exp(np.minimum(x, 0))


def _selu(x: Floats) -> Floats:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def _selu_slope(x: Floats) -> Floats:
    return SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0)))


def _elu_limits(constants: Mapping[str, float]) -> tuple[float, float]:
    return -constants.get("alpha", 1.0) * constants.get("scale", 1.0), INF


FAMILY = (
    Activation(
        "elu",
        "x if x > 0 else exp(x) - 1",
        _elu,
        _elu_slope,
        about="Means nearer to 0 than ReLU's; levels off at -1.",
        source="Clevert et al. 2016",
        code="nn.ELU()",
        limits=_elu_limits,
    ),
    Activation(
        "celu",
        "x if x > 0 else exp(x) - 1",
        _elu,
        _elu_slope,
        about="ELU made smooth for every alpha; with alpha 1 they are the same.",
        source="Barron 2017",
        code="nn.CELU()",
        limits=lambda constants: (-constants.get("alpha", 1.0), INF),
    ),
    Activation(
        "selu",
        "1.0507 (x if x > 0 else 1.6733 (exp(x) - 1))",
        _selu,
        _selu_slope,
        about="Keeps mean 0 and variance 1 through depth by itself, with LeCun initialisation.",
        source="Klambauer et al. 2017",
        code="nn.SELU()",
    ),
    Activation(
        "exp",
        "exp(x)",
        np.exp,
        np.exp,
        about="For positive quantities at an output; explodes inside a network.",
        source="keras.activations.exponential",
        code="Exp()",
    ),
)
