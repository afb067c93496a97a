"""Losses of classes: the output is a probability, a score, or a logit."""

from __future__ import annotations

import numpy as np

from lifesigns.functions._elementary import sigmoid, softplus
from lifesigns.functions.activations.groups import log_softmax, softmax
from lifesigns.functions.losses._loss import Loss
from lifesigns.records import Floats


def _times_log(y: Floats, a: Floats) -> Floats:
    """Y log a, with 0 log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y > 0, y * np.log(a), 0.0)


def _cross_entropy(z: Floats, y: Floats) -> Floats:
    total: Floats = -(y * log_softmax(z)).sum(-1)
    return total


def _binary(a: Floats, y: Floats) -> Floats:
    return -_times_log(y, a) - _times_log(1 - y, 1 - a)


def _binary_slope(a: Floats, y: Floats) -> Floats:
    return (a - y) / (a * (1 - a))


_WITH_LOGITS = (lambda z, y: softplus(z) - y * z, lambda z, y: sigmoid(z) - y)

FAMILY = (
    Loss(
        "cross_entropy",
        "-Σ yᵢ log aᵢ",
        "softmax",
        lambda a, y: -_times_log(y, a),
        lambda a, y: -y / a,
        "a - y",
        "a class, or probabilities of the classes",
        "σ′ cancels: a confidently wrong softmax learns at full speed. Give it logits.",
        "Bridle 1990; torch.nn.CrossEntropyLoss",
        "nn.CrossEntropyLoss()",
        built_in=True,
        stable=(_cross_entropy, lambda z, y: softmax(z) * y.sum(-1, keepdims=True) - y),
    ),
    Loss(
        "binary_cross_entropy",
        "-y log a - (1 - y) log(1 - a)",
        "sigmoid",
        _binary,
        _binary_slope,
        "a - y",
        "probabilities, 0 to 1",
        "Takes the sigmoid's output; where that rounds to 0 or 1 the next one is safer.",
        "torch.nn.BCELoss",
        "nn.BCELoss()",
        stable=_WITH_LOGITS,
    ),
    Loss(
        "binary_cross_entropy_with_logits",
        "log(1 + exp(z)) - y z",
        "sigmoid",
        _binary,
        _binary_slope,
        "sigmoid(z) - y",
        "probabilities, 0 to 1",
        "The same from the preactivation: exact for every logit, no sigmoid before it.",
        "torch.nn.BCEWithLogitsLoss",
        "nn.BCEWithLogitsLoss()",
        built_in=True,
        stable=_WITH_LOGITS,
    ),
    Loss(
        "hinge",
        "max(0, 1 - y a), y = ±1",
        "identity",
        lambda a, y: np.maximum(0, 1 - y * a),
        lambda a, y: np.where(y * a < 1, -y, 0.0),
        "-y where y a < 1, else 0",
        "-1 or 1",
        "Asks for a margin; what is beyond it teaches nothing more. Gives scores.",
        "Cortes & Vapnik 1995; torch.nn.HingeEmbeddingLoss on y a",
        "torch.relu(1 - y * a).mean()",
    ),
    Loss(
        "kl_divergence",
        "Σ yᵢ (log yᵢ - log aᵢ)",
        "softmax",
        lambda a, y: _times_log(y, y) - _times_log(y, a),
        lambda a, y: -y / a,
        "a - y",
        "probabilities of the classes",
        "Cross-entropy less the targets' own entropy: 0 at the target. torch takes log a.",
        "Kullback & Leibler 1951; torch.nn.KLDivLoss",
        'nn.KLDivLoss(reduction="batchmean")  # of nn.LogSoftmax(dim=-1)',
        stable=(
            lambda z, y: _times_log(y, y).sum(-1) + _cross_entropy(z, y),
            lambda z, y: softmax(z) * y.sum(-1, keepdims=True) - y,
        ),
    ),
)
