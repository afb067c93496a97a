"""Squashing functions: both ends flat, or one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lifesigns.functions._elementary import inside, sigmoid, sigmoid_slope, softplus
from lifesigns.functions.activations._activation import Activation

LECUN_SCALE, LECUN_RATE = 1.7159, 2 / 3
"""f(±1) = ±1 and the largest curvature there. Source: LeCun et al. 1998, Efficient BackProp."""


def _hardtanh_limits(constants: Mapping[str, float]) -> tuple[float, float]:
    return constants.get("min_val", -1.0), constants.get("max_val", 1.0)


FAMILY = (
    Activation(
        "sigmoid",
        "1 / (1 + exp(-x))",
        sigmoid,
        sigmoid_slope,
        about="Reads as a probability or a firing rate; saturates at both ends, mean 1/2.",
        source="the logistic function; Rumelhart et al. 1986",
        code="nn.Sigmoid()",
    ),
    Activation(
        "tanh",
        "tanh(x)",
        np.tanh,
        lambda x: 1 - np.tanh(x) ** 2,
        about="A sigmoid that is zero-centred and four times as steep; saturates as well.",
        source="LeCun et al. 1998",
        code="nn.Tanh()",
    ),
    Activation(
        "scaled_tanh",
        "1.7159 tanh(2x/3)",
        lambda x: LECUN_SCALE * np.tanh(LECUN_RATE * x),
        lambda x: LECUN_SCALE * LECUN_RATE * (1 - np.tanh(LECUN_RATE * x) ** 2),
        about="A tanh of gain about 1 whose targets of ±1 lie inside its range.",
        source="LeCun et al. 1998, Efficient BackProp",
        code="ScaledTanh()",
    ),
    Activation(
        "hardtanh",
        "min(1, max(-1, x))",
        lambda x: np.clip(x, -1, 1),
        lambda x: inside(x, -1, 1),
        about="A tanh of straight lines: cheap, and exactly flat outside.",
        source="Collobert 2004",
        code="nn.Hardtanh()",
        limits=_hardtanh_limits,
    ),
    Activation(
        "hardsigmoid",
        "min(1, max(0, x/6 + 1/2))",
        lambda x: np.clip(x / 6 + 0.5, 0, 1),
        lambda x: inside(x, -3, 3) / 6,
        about="A sigmoid of straight lines, for phones.",
        source="Howard et al. 2019 (MobileNetV3)",
        code="nn.Hardsigmoid()",
    ),
    Activation(
        "sparse_sigmoid",
        "min(1, max(0, x/2 + 1/2))",
        lambda x: np.clip(x / 2 + 0.5, 0, 1),
        lambda x: inside(x, -1, 1) / 2,
        about="The derivative of sparse_plus, as the sigmoid is that of softplus.",
        source="jax.nn.sparse_sigmoid",
        code="SparseSigmoid()",
    ),
    Activation(
        "softsign",
        "x / (1 + |x|)",
        lambda x: x / (1 + np.abs(x)),
        lambda x: 1 / (1 + np.abs(x)) ** 2,
        about="A tanh that saturates slowly, by a power instead of an exponential.",
        source="Bergstra et al. 2009",
        code="nn.Softsign()",
    ),
    Activation(
        "log_sigmoid",
        "-log(1 + exp(-x))",
        lambda x: -softplus(-x),
        lambda x: sigmoid(-x),
        about="The logarithm of a probability, for losses.",
        source="torch.nn.LogSigmoid",
        code="nn.LogSigmoid()",
    ),
)
