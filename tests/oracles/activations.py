"""Activations as formulas in NumPy, slopes as difference quotients, and every way to write them.

Nothing here is shared with the code under test: neither formulas nor constants.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": elu,
    "elu_alpha": lambda x: elu(x, 0.5),
    "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    "celu": lambda x: np.where(x > 0, x, 2.0 * (np.exp(np.minimum(x, 0) / 2.0) - 1)),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": gelu_tanh,
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softplus": softplus,
    "softplus_beta": lambda x: softplus(2 * x) / 2,
    "log_sigmoid": lambda x: -softplus(-x),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "threshold": lambda x: np.where(x > 0.7, x, 0),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "clamp": lambda x: np.clip(x, -0.5, 2),
    "clamp_max": lambda x: np.minimum(x, 0.8),
    "exp": np.exp,
    "sin": np.sin,
}
UNBOUNDED_SLOPE = {"exp"}
"""Their slope has no maximum to be a share of."""


def slope(name, x):
    """σ′ as a difference quotient."""
    return (FORMULAS[name](x + 1e-6) - FORMULAS[name](x - 1e-6)) / 2e-6


def saturated(name, x):
    """Where σ′ is below 1 % of its maximum over a fine grid, crossings of zero left out."""
    if name in UNBOUNDED_SLOPE:
        return np.zeros(x.shape, bool)
    steepest = np.abs(slope(name, np.linspace(-20, 20, 40_003))).max()

    def flat(x):
        return np.abs(slope(name, x)) < 0.01 * steepest * (1 - 1e-6)  # 1 % is not below 1 %

    return flat(x) & (flat(x - 0.3) | flat(x + 0.3))


@dataclass(frozen=True)
class Form:
    """One way to write an activation."""

    text: str
    formula: str
    call: Callable[[Any], Any]
    word: str
    """The operation it is recorded as."""


def _forms():
    modules = [
        ("relu", nn.ReLU(), "relu"),
        ("sigmoid", nn.Sigmoid(), "sigmoid"),
        ("tanh", nn.Tanh(), "tanh"),
        ("leaky_relu", nn.LeakyReLU(), "leaky_relu"),
        ("elu", nn.ELU(), "elu"),
        ("elu_alpha", nn.ELU(0.5), "elu"),
        ("selu", nn.SELU(), "elu"),
        ("celu", nn.CELU(2.0), "celu"),
        ("gelu", nn.GELU(), "gelu"),
        ("gelu_tanh", nn.GELU("tanh"), "gelu"),
        ("silu", nn.SiLU(), "silu"),
        ("mish", nn.Mish(), "mish"),
        ("softplus", nn.Softplus(), "softplus"),
        ("softplus_beta", nn.Softplus(beta=2), "softplus"),
        ("log_sigmoid", nn.LogSigmoid(), "log_sigmoid"),
        ("hardtanh", nn.Hardtanh(), "hardtanh"),
        ("relu6", nn.ReLU6(), "hardtanh"),
        ("hardsigmoid", nn.Hardsigmoid(), "hardsigmoid"),
        ("hardswish", nn.Hardswish(), "hardswish"),
        ("threshold", nn.Threshold(0.7, 0.0), "threshold"),
        ("prelu", nn.PReLU(), "prelu"),
        ("softshrink", nn.Softshrink(), "softshrink"),
        ("hardshrink", nn.Hardshrink(), "hardshrink"),
    ]
    yield from (Form(f"nn.{m}", name, m, word) for name, m, word in modules)
    inplace = [
        ("relu", nn.ReLU(inplace=True), "relu"),
        ("leaky_relu", nn.LeakyReLU(inplace=True), "leaky_relu"),
        ("elu", nn.ELU(inplace=True), "elu"),
        ("elu_alpha", nn.ELU(0.5, inplace=True), "elu"),
        ("selu", nn.SELU(inplace=True), "elu"),
        ("celu", nn.CELU(2.0, inplace=True), "celu"),
        ("silu", nn.SiLU(inplace=True), "silu"),
        ("mish", nn.Mish(inplace=True), "mish"),
        ("hardtanh", nn.Hardtanh(inplace=True), "hardtanh"),
        ("relu6", nn.ReLU6(inplace=True), "hardtanh"),
        ("hardsigmoid", nn.Hardsigmoid(inplace=True), "hardsigmoid"),
        ("hardswish", nn.Hardswish(inplace=True), "hardswish"),
        ("threshold", nn.Threshold(0.7, 0.0, inplace=True), "threshold"),
    ]
    yield from (Form(f"nn.{m}", name, m, word) for name, m, word in inplace)
    functional = [
        ("F.relu(x)", "relu", F.relu, "relu"),
        ("torch.relu(x)", "relu", torch.relu, "relu"),
        ("x.relu_()", "relu", lambda x: x.relu_(), "relu"),
        ("x.clamp(min=0)", "relu", lambda x: x.clamp(min=0), "clamp"),
        ("x.clamp_(min=0)", "relu", lambda x: x.clamp_(min=0), "clamp"),
        ("torch.clamp_min(x, 0)", "relu", lambda x: torch.clamp_min(x, 0), "clamp"),
        ("x.clamp_max(0.8)", "clamp_max", lambda x: x.clamp_max(0.8), "clamp"),
        ("x.clamp(-0.5, 2)", "clamp", lambda x: x.clamp(-0.5, 2), "clamp"),
        ("x.clamp(tensors)", "clamp", lambda x: x.clamp(_number(-0.5), _number(2)), "clamp"),
        ("torch.maximum(x, 0)", "relu", lambda x: torch.maximum(x, _number(0)), "maximum"),
        ("torch.maximum(0, x)", "relu", lambda x: torch.maximum(_number(0), x), "maximum"),
        ("x.sigmoid_()", "sigmoid", lambda x: x.sigmoid_(), "sigmoid"),
        ("torch.tanh(x)", "tanh", torch.tanh, "tanh"),
        ("x.tanh_()", "tanh", lambda x: x.tanh_(), "tanh"),
        ("torch.exp(x)", "exp", torch.exp, "exp"),
        ("x.exp_()", "exp", lambda x: x.exp_(), "exp"),
        ("torch.sin(x)", "sin", torch.sin, "sin"),
        ("F.gelu(x)", "gelu", F.gelu, "gelu"),
        ("F.leaky_relu_(x)", "leaky_relu", F.leaky_relu_, "leaky_relu"),
        ("F.threshold_(x)", "threshold", lambda x: F.threshold_(x, 0.7, 0.0), "threshold"),
    ]
    yield from (Form(*form) for form in functional)


def _number(value):
    return torch.tensor(value, dtype=torch.float64)


FORMS = tuple(_forms())
