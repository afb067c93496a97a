"""Functions of several values: gates, maxima, softmax."""

from __future__ import annotations

import numpy as np

from lifesigns.functions._elementary import relu, sigmoid, sigmoid_slope, step
from lifesigns.functions.activations._activation import Activation
from lifesigns.functions.activations._facts import INF, Facts, Function
from lifesigns.functions.activations.smooth import gelu, gelu_slope, silu, silu_slope
from lifesigns.records import Floats


def _gated(gate: Function, slope: Function) -> tuple[Function, Function]:
    """A · gate(b), shape `[..., 2]` to `[..., 1]`, and its partials, shape `[..., 1, 2]`."""

    def value(x: Floats) -> Floats:
        return x[..., :1] * gate(x[..., 1:])

    def partials(x: Floats) -> Floats:
        both = np.concatenate([gate(x[..., 1:]), x[..., :1] * slope(x[..., 1:])], axis=-1)
        return both[..., None, :]

    return value, partials


def _maximum(x: Floats) -> Floats:
    greatest: Floats = x.max(-1, keepdims=True)
    return greatest


def _of_the_maximum(x: Floats) -> Floats:
    """Of tied values the first takes the gradient, as in `torch.max` over a dimension."""
    winners: Floats = 1.0 * (np.arange(x.shape[-1]) == x.argmax(-1)[..., None])
    return winners[..., None, :]


def _crelu(x: Floats) -> Floats:
    return np.concatenate([relu(x), relu(-x)], axis=-1)


def _crelu_slopes(x: Floats) -> Floats:
    return np.stack([step(x), -step(-x)], axis=-2)


def log_softmax(x: Floats) -> Floats:
    """The logarithm of softmax, without overflow.

    Args:
        x: Logits, shape `[..., classes]`; the result has the same shape and is at most 0.
    """
    shifted = x - x.max(-1, keepdims=True)
    normalised: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normalised


def softmax(x: Floats) -> Floats:
    """exp(xᵢ) / Σ exp(x) over the last axis.

    Args:
        x: Logits, shape `[..., classes]`; the last axis of the result sums to 1.

    Example:
        >>> softmax(np.array([0.0, 1000.0]))
        array([0., 1.])
    """
    return np.exp(log_softmax(x))


def _softmax_slope(x: Floats) -> Floats:
    return softmax(x) * (1 - softmax(x))


def _sparsemax(x: Floats) -> Floats:
    descending = -np.sort(-x, axis=-1)
    excess = descending.cumsum(-1) - 1
    ranks = np.arange(1, x.shape[-1] + 1)
    kept = (ranks * descending > excess).sum(-1, keepdims=True)
    return relu(x - np.take_along_axis(excess, kept - 1, -1) / kept)


def _sparsemax_slope(x: Floats) -> Floats:
    kept = _sparsemax(x) > 0
    slope: Floats = kept * (1 - 1 / kept.sum(-1, keepdims=True))
    return slope


def _gate(
    name: str, formula: str, code: str, source: str, gate: Function, slope: Function, about: str
) -> Activation:
    value, partials = _gated(gate, slope)
    return Activation(
        name,
        formula,
        value,
        partials,
        about=about,
        source=source,
        code=code,
        parameters="twice the weights",
        inputs=2,
    )


SHAZEER = "Shazeer 2020"
UNBOUNDED = Facts(-INF, INF, 1)

FAMILY = (
    _gate(
        "glu", "a sigmoid(b), input split into a and b", "nn.GLU()", "Dauphin et al. 2017",
        sigmoid, sigmoid_slope, "A linear path with a learned gate.",
    ),
    _gate(
        "geglu", "a GELU(b), input split into a and b", "GEGLU()", SHAZEER,
        gelu, gelu_slope, "GLU with a GELU for its gate; in T5 1.1 and Gemma.",
    ),
    _gate(
        "swiglu", "a SiLU(b), input split into a and b", "SwiGLU()", SHAZEER,
        silu, silu_slope, "GLU with a SiLU for its gate; in PaLM and Llama.",
    ),
    _gate(
        "reglu", "a max(0, b), input split into a and b", "ReGLU()", SHAZEER,
        relu, step, "GLU with a ReLU for its gate; units whose gate stays shut are dead.",
    ),
    Activation(
        "maxout", "max over k linear maps (k = 2)", _maximum, _of_the_maximum,
        about="Learns its own convex shape; no unit is dead, at the price of k times the weights.",
        source="Goodfellow et al. 2013", code="Maxout(2)",
        parameters="(k - 1)(fan_in + 1) more per unit", inputs=2,
    ),
    Activation(
        "crelu", "max(0, x) and max(0, -x)", _crelu, _crelu_slopes,
        about="Keeps both halves; twice as many outputs, and no dead units.",
        source="Shang et al. 2016", code="CReLU()",
        outputs=2,
    ),
    Activation(
        "maximum", "max(a, b)", _maximum, _of_the_maximum,
        about="The greater of two tensors.", source="torch.maximum", inputs=2,
    ),
    Activation(
        "max", "max over a group of values (maxout, max-pooling)",
        about="Gains depend on the size of the group.", source="torch.amax", stated=UNBOUNDED,
    ),
    Activation(
        "where", "a where a condition holds, else b",
        about="A choice by a condition of one's own.", source="torch.where",
        stated=Facts(-INF, INF, 1, monotone=False),
    ),
    Activation(
        "softmax", "exp(xᵢ) / Σ exp(x)", softmax, _softmax_slope,
        about="Probabilities of classes; belongs inside the loss, not before it.",
        source="Bridle 1990", code="nn.Softmax(dim=-1)",
        stated=Facts(0, 1, 0.25, saturates_low=True, saturates_high=True),
    ),
    Activation(
        "log_softmax", "xᵢ - log Σ exp(x)", log_softmax, lambda x: 1 - softmax(x),
        about="Logarithms of probabilities, without underflow; for nn.NLLLoss.",
        source="torch.nn.LogSoftmax", code="nn.LogSoftmax(dim=-1)",
        stated=Facts(-INF, 0, 1, saturates_high=True),
    ),
    Activation(
        "softmin", "exp(-xᵢ) / Σ exp(-x)", lambda x: softmax(-x), lambda x: -_softmax_slope(-x),
        about="Softmax of the negative: the smallest wins.",
        source="torch.nn.Softmin", code="nn.Softmin(dim=-1)",
        stated=Facts(0, 1, 0.25, saturates_low=True, saturates_high=True, monotone=False),
    ),
    Activation(
        "sparsemax", "the nearest point of the simplex", _sparsemax, _sparsemax_slope,
        about="Probabilities of which most are exactly 0, and so are their gradients.",
        source="Martins & Astudillo 2016", code="Sparsemax()",
        stated=Facts(0, 1, 1, saturates_low=True, saturates_high=True),
    ),
)  # fmt: skip
