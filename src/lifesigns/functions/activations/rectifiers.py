"""Rectifiers: linear above zero, nothing or little below."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lifesigns.functions._elementary import inside, relu, step
from lifesigns.functions.activations._activation import Activation
from lifesigns.functions.activations._facts import INF, Function
from lifesigns.records import Floats

LEAK = 0.01
"""Default negative slope of `leaky_relu`."""
PRELU_SLOPE = 0.25
"""Initial negative slope of `prelu`."""
RRELU_SLOPE = (1 / 8 + 1 / 3) / 2
"""Mean negative slope of `rrelu`, used outside training."""


def _leaky(slope: float) -> tuple[Function, Function]:
    return lambda x: np.where(x > 0, x, slope * x), lambda x: np.where(x > 0, 1.0, slope)


def _threshold_limits(constants: Mapping[str, float]) -> tuple[float, float]:
    return min(constants.get("threshold", 0.0), 0.0), INF


def _clamp_limits(constants: Mapping[str, float]) -> tuple[float, float]:
    return constants.get("min", -INF), constants.get("max", INF)


def _sparse_plus(x: Floats) -> Floats:
    return np.where(x < 1, relu(x + 1) ** 2 / 4, x)


FAMILY = (
    Activation(
        "relu",
        "max(0, x)",
        relu,
        step,
        about="The default: cheap, no saturation above 0; units that stay below 0 are dead.",
        source="Nair & Hinton 2010; Glorot et al. 2011",
        code="nn.ReLU()",
    ),
    Activation(
        "leaky_relu",
        "x if x > 0 else 0.01 x",
        *_leaky(LEAK),
        about="A ReLU whose units cannot die.",
        source="Maas et al. 2013",
        code="nn.LeakyReLU(0.01)",
    ),
    Activation(
        "prelu",
        "x if x > 0 else a x, a learned from 1/4",
        *_leaky(PRELU_SLOPE),
        about="Learns the slope below 0: one number for all units, a channel, or each unit.",
        source="He et al. 2015",
        code="nn.PReLU()",
        parameters="1 per unit, or 1 shared",
    ),
    Activation(
        "rrelu",
        "x if x > 0 else a x, a random in [1/8, 1/3]",
        *_leaky(RRELU_SLOPE),
        about="A leak drawn anew for each value while training, its mean afterwards.",
        source="Xu et al. 2015",
        code="nn.RReLU()",
    ),
    Activation(
        "relu6",
        "min(6, max(0, x))",
        lambda x: np.clip(x, 0, 6),
        lambda x: inside(x, 0, 6),
        about="A ReLU that fits into few bits.",
        source="Krizhevsky 2010; Howard et al. 2017",
        code="nn.ReLU6()",
    ),
    Activation(
        "squared_relu",
        "max(0, x)²",
        lambda x: relu(x) ** 2,
        lambda x: 2 * relu(x),
        about="Found by search for transformers; grows faster than its input.",
        source="So et al. 2021 (Primer)",
        code="SquaredReLU()",
    ),
    Activation(
        "sparse_plus",
        "0 if x < -1, (x + 1)²/4 if x < 1, else x",
        _sparse_plus,
        lambda x: np.clip((x + 1) / 2, 0, 1),
        about="A ReLU with its kink rounded by a parabola.",
        source="jax.nn.sparse_plus",
        code="SparsePlus()",
    ),
    Activation(
        "threshold",
        "x if x > 0 else 0",
        relu,
        step,
        about="torch's ReLU with a threshold and a floor of one's own.",
        source="torch.nn.Threshold",
        code="nn.Threshold(0, 0)",
        limits=_threshold_limits,
    ),
    Activation(
        "clamp",
        "min(max, max(min, x))",
        lambda x: x * 1.0,
        np.ones_like,
        about="Cuts at bounds of one's own; without bounds it is the identity.",
        source="torch.clamp",
        limits=_clamp_limits,
    ),
    Activation(
        "identity",
        "x",
        lambda x: x * 1.0,
        np.ones_like,
        about="No activation: layers stacked without one stay one linear map.",
        source="torch.nn.Identity",
        code="nn.Identity()",
    ),
)
