"""Activation functions as facts and callables: range, slope, and where the slope dies.

Numbers hold for torch's default constants; `Activation.range` takes a site's own constants into
account. Derivatives follow torch at kinks (the derivative of ReLU at 0 is 0).

Source: the defining formulas in torch's documentation. `gelu`: Hendrycks & Gimpel 2016; `silu`:
Elfwing et al. 2018; `mish`: Misra 2019; `elu`: Clevert et al. 2016; `hardswish`: Howard et al.
2019. Extremes without a closed form are pinned against a fine grid in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from lifesigns.records import Floats

INF = math.inf
LEAK = 0.01
"""Default negative slope of `leaky_relu`."""
PRELU_SLOPE = 0.25
"""Initial negative slope of `prelu`."""
RRELU_SLOPE = (1 / 8 + 1 / 3) / 2
"""Mean negative slope of `rrelu`, used outside training."""
SHRINK = 0.5
"""Default half-width of the dead zone of `softshrink` and `hardshrink`."""

Function = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Activation:
    """What is known about one activation function before anything is measured."""

    name: str
    """The operation's word, as in `Site.operation`."""
    formula: str
    low: float
    """Infimum of the output."""
    high: float
    """Supremum of the output."""
    max_derivative: float
    """Supremum of |σ′|; for functions of several values, of each partial derivative."""
    saturates_low: bool = False
    """σ′ tends to (or is) 0 for large negative inputs."""
    saturates_high: bool = False
    """σ′ tends to (or is) 0 for large positive inputs."""
    silent_side: str = ""
    """Where output *and* derivative are exactly 0, so that a unit can die: `low`, `middle`, or
    empty for functions whose units cannot die."""
    monotone: bool = True
    value: Function | None = None
    """σ, elementwise (softmax: over the last axis); None for functions of several values."""
    derivative: Function | None = None
    """σ′, elementwise (softmax: the diagonal of the Jacobian)."""

    @property
    def saturates(self) -> bool:
        """Whether units can be stuck on a flat end."""
        return self.saturates_low or self.saturates_high

    def range(self, details: Mapping[str, float] | None = None) -> tuple[float, float]:
        """Infimum and supremum of the output, given the constants in `Site.details`.

        Example:
            >>> ACTIVATIONS["hardtanh"].range({"min_val": 0, "max_val": 6})  # ReLU6
            (0, 6)
        """
        limits = _RANGES.get(self.name)
        return limits(details) if limits and details else (self.low, self.high)


_RANGES: Mapping[str, Callable[[Mapping[str, float]], tuple[float, float]]] = {
    "elu": lambda d: (-d.get("alpha", 1.0) * d.get("scale", 1.0), INF),
    "celu": lambda d: (-d.get("alpha", 1.0), INF),
    "hardtanh": lambda d: (d.get("min_val", -1.0), d.get("max_val", 1.0)),
    "clamp": lambda d: (d.get("min", -INF), d.get("max", INF)),
    "threshold": lambda d: (min(d.get("threshold", 0.0), 0.0), INF),
}


def _sigmoid(x: Floats) -> Floats:
    half: Floats = 0.5 * (1 + np.tanh(0.5 * x))  # does not overflow
    return half


def _softplus(x: Floats) -> Floats:
    value: Floats = np.logaddexp(0.0, x)
    return value


def _normal_cdf(x: Floats) -> Floats:
    cdf: Floats = np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])(x)
    return cdf


def _gelu_slope(x: Floats) -> Floats:
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return _normal_cdf(x) + x * density


def _silu_slope(x: Floats) -> Floats:
    s = _sigmoid(x)
    return s * (1 + x * (1 - s))


def _mish_slope(x: Floats) -> Floats:
    squashed = np.tanh(_softplus(x))
    slope: Floats = squashed + x * _sigmoid(x) * (1 - squashed**2)
    return slope


def _hardswish_slope(x: Floats) -> Floats:
    return np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0))


def _leaky(slope: float) -> tuple[Function, Function]:
    return lambda x: np.where(x > 0, x, slope * x), lambda x: np.where(x > 0, 1.0, slope)


def _elu(x: Floats) -> Floats:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _elu_slope(x: Floats) -> Floats:
    return np.exp(np.minimum(x, 0))


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0.0)


def _step(x: Floats) -> Floats:
    return np.where(x > 0, 1.0, 0.0)


def _inside(low: float, high: float, slope: float = 1.0) -> Function:
    return lambda x: np.where((x > low) & (x < high), slope, 0.0)


def _outside(x: Floats) -> Floats:
    return np.where(np.abs(x) > SHRINK, 1.0, 0.0)


def _log_softmax(x: Floats) -> Floats:
    shifted = x - x.max(-1, keepdims=True)
    normalised: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normalised


def _softmax(x: Floats) -> Floats:
    return np.exp(_log_softmax(x))


_A = Activation
_CATALOGUE = (
    _A("relu", "max(0, x)", 0, INF, 1, True, silent_side="low", value=_relu, derivative=_step),
    _A("leaky_relu", "x if x > 0 else 0.01 x", -INF, INF, 1, False, False, "", True, *_leaky(LEAK)),
    _A("prelu", "x if x > 0 else a x", -INF, INF, 1, False, False, "", True, *_leaky(PRELU_SLOPE)),
    _A(
        "rrelu", "x if x > 0 else a x, a random in [1/8, 1/3]", -INF, INF, 1,
        False, False, "", True, *_leaky(RRELU_SLOPE),
    ),
    _A("elu", "x if x > 0 else exp(x) - 1", -1, INF, 1, True, value=_elu, derivative=_elu_slope),
    _A("celu", "x if x > 0 else exp(x) - 1", -1, INF, 1, True, value=_elu, derivative=_elu_slope),
    _A(
        "gelu", "x Φ(x)", -0.1699713, INF, 1.1289041, True, monotone=False,
        value=lambda x: x * _normal_cdf(x), derivative=_gelu_slope,
    ),
    _A(
        "silu", "x sigmoid(x)", -0.2784646, INF, 1.0998394, True, monotone=False,
        value=lambda x: x * _sigmoid(x), derivative=_silu_slope,
    ),
    _A(
        "mish", "x tanh(softplus(x))", -0.3088434, INF, 1.0884982, True, monotone=False,
        value=lambda x: x * np.tanh(_softplus(x)), derivative=_mish_slope,
    ),
    _A("softplus", "log(1 + exp(x))", 0, INF, 1, True, value=_softplus, derivative=_sigmoid),
    _A(
        "sigmoid", "1 / (1 + exp(-x))", 0, 1, 0.25, True, True,
        value=_sigmoid, derivative=lambda x: _sigmoid(x) * _sigmoid(-x),
    ),
    _A(
        "log_sigmoid", "-log(1 + exp(-x))", -INF, 0, 1, False, True,
        value=lambda x: -_softplus(-x), derivative=lambda x: _sigmoid(-x),
    ),
    _A(
        "tanh", "tanh(x)", -1, 1, 1, True, True,
        value=np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2,
    ),
    _A(
        "hardtanh", "min(1, max(-1, x))", -1, 1, 1, True, True,
        value=lambda x: np.clip(x, -1, 1), derivative=_inside(-1, 1),
    ),
    _A(
        "hardsigmoid", "min(1, max(0, x/6 + 1/2))", 0, 1, 1 / 6, True, True, "low",
        value=lambda x: np.clip(x / 6 + 0.5, 0, 1), derivative=_inside(-3, 3, 1 / 6),
    ),
    _A(
        "hardswish", "x min(1, max(0, x/6 + 1/2))", -0.375, INF, 1.5, True, silent_side="low",
        monotone=False, value=lambda x: x * np.clip(x / 6 + 0.5, 0, 1), derivative=_hardswish_slope,
    ),
    _A(
        "threshold", "x if x > 0 else 0", 0, INF, 1, True, silent_side="low",
        value=_relu, derivative=_step,
    ),
    _A("clamp", "min(max, max(min, x))", -INF, INF, 1, value=lambda x: x, derivative=np.ones_like),
    _A(
        "softshrink", "sign(x) max(0, |x| - 1/2)", -INF, INF, 1, silent_side="middle",
        value=lambda x: np.sign(x) * _relu(np.abs(x) - SHRINK), derivative=_outside,
    ),
    _A(
        "hardshrink", "x if |x| > 1/2 else 0", -INF, INF, 1, silent_side="middle",
        value=lambda x: x * _outside(x), derivative=_outside,
    ),
    _A("glu", "a sigmoid(b), input split into a and b", -INF, INF, INF, monotone=False),
    _A("exp", "exp(x)", 0, INF, INF, True, value=np.exp, derivative=np.exp),
    _A("sin", "sin(x)", -1, 1, 1, monotone=False, value=np.sin, derivative=np.cos),
    _A("maximum", "max(a, b)", -INF, INF, 1),
    _A("where", "a where a condition holds, else b", -INF, INF, 1, monotone=False),
    _A("max", "max over a group of values (maxout, max-pooling)", -INF, INF, 1),
    _A(
        "softmax", "exp(xᵢ) / Σ exp(x)", 0, 1, 0.25, True, True,
        value=_softmax, derivative=lambda x: _softmax(x) * (1 - _softmax(x)),
    ),
    _A(
        "log_softmax", "xᵢ - log Σ exp(x)", -INF, 0, 1, False, True,
        value=_log_softmax, derivative=lambda x: 1 - _softmax(x),
    ),
)  # fmt: skip

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType({a.name: a for a in _CATALOGUE})
"""All activations by the recorder's word for them. SELU and CELU are `elu` and `celu` with other
constants, ReLU6 is `hardtanh` or `clamp`; a function not named here is unknown, not linear."""
