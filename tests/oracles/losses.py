"""Losses per observation in NumPy, and the many ways to write each in torch.

An observation is an element for squared and absolute error, Huber and binary cross-entropy, and a
sample for cross-entropy. Nothing here is shared with the code under test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

TINY = 1e-7


def squared(p, y):
    return (p - y) ** 2


def absolute(p, y):
    return np.abs(p - y)


def huber(p, y):
    d = np.abs(p - y)
    return np.where(d < 1, 0.5 * d**2, d - 0.5)


def binary(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def categorical(p, y):
    """`p` are probabilities of the classes, `y` one-hot or soft targets."""
    return -(y * np.log(p)).sum(-1)


@dataclass(frozen=True)
class Written:
    """A loss as somebody writes it.

    `make` gives the data's shape a mean its factor: value = scale(shape) x mean per observation.
    """

    text: str
    kind: str
    call: Callable[[Any, Any], Any]
    per_observation: Callable[[Any, Any], Any]
    scale: Callable[[tuple[int, ...]], float] = lambda shape: 1.0
    handwritten: bool = True


def _elements(shape):
    return float(np.prod(shape))


def _samples(shape):
    return float(shape[0])


def _residual_forms():
    own = {"handwritten": False}
    se, ae = "squared_error", "absolute_error"
    yield Written("F.mse_loss", se, F.mse_loss, squared, **own)
    yield Written("mse sum", se, _sum(F.mse_loss), squared, _elements, **own)
    yield Written("mse none mean", se, _none_mean(F.mse_loss), squared, **own)
    yield Written("mse none sum", se, _none_sum(F.mse_loss), squared, _elements, **own)
    yield Written("F.l1_loss", ae, F.l1_loss, absolute)  # torch itself writes it by hand
    yield Written("l1 sum", ae, _sum(F.l1_loss), absolute, _elements)
    yield Written("F.huber_loss", "huber", F.huber_loss, huber, **own)
    yield Written("F.smooth_l1_loss", "huber", F.smooth_l1_loss, huber, **own)
    yield Written("huber sum", "huber", _sum(F.huber_loss), huber, _elements, **own)
    yield Written("((p - y) ** 2).mean()", se, lambda p, y: ((p - y) ** 2).mean(), squared)
    yield Written("((y - p) ** 2).mean()", se, lambda p, y: ((y - p) ** 2).mean(), squared)
    yield Written("(p - y).pow(2).mean()", se, lambda p, y: (p - y).pow(2).mean(), squared)
    yield Written("square().mean()", se, lambda p, y: torch.square(p - y).mean(), squared)
    yield Written("sub()", se, lambda p, y: torch.sub(p, y).square().mean(), squared)
    yield Written("d * d sum / n", se, _product_over_n, squared, lambda s: _elements(s) / s[0])
    yield Written("sse", se, lambda p, y: ((p - y) ** 2).sum(), squared, _elements)
    yield Written(
        "sum / (2 n)",
        se,
        lambda p, y: ((y - p) ** 2).sum() / (2 * len(p)),
        squared,
        lambda s: _elements(s) / 2 / s[0],
    )
    yield Written(
        "half sum", se, lambda p, y: 0.5 * ((p - y) ** 2).sum(), squared, lambda s: _elements(s) / 2
    )
    yield Written(
        "rows then mean",
        se,
        lambda p, y: ((p - y) ** 2).reshape(len(p), -1).sum(1).mean(),
        squared,
        lambda s: _elements(s) / s[0],
    )
    yield Written("abs().mean()", ae, lambda p, y: (p - y).abs().mean(), absolute)
    yield Written("torch.abs sum", ae, lambda p, y: torch.abs(y - p).sum(), absolute, _elements)


def _product_over_n(p, y):
    d = p - y
    return (d * d).sum() / len(p)


def _sum(function):
    return lambda p, y: function(p, y, reduction="sum")


def _none_mean(function):
    return lambda p, y: function(p, y, reduction="none").mean()


def _none_sum(function):
    return lambda p, y: function(p, y, reduction="none").sum()


def _clipped_binary(p, y):
    p = p.clamp(TINY, 1 - TINY)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


def _binary_forms():
    own, bce = {"handwritten": False}, "binary_cross_entropy"
    yield Written("F.binary_cross_entropy", bce, F.binary_cross_entropy, binary, **own)
    yield Written("bce sum", bce, _sum(F.binary_cross_entropy), binary, _elements, **own)
    yield Written("bce none mean", bce, _none_mean(F.binary_cross_entropy), binary, **own)
    yield Written("clipped by hand", bce, _clipped_binary, binary)
    yield Written(
        "plain by hand",
        bce,
        lambda p, y: -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean(),
        binary,
    )
    yield Written(
        "signs inside, rows then mean",
        bce,
        lambda p, y: (
            (-y * torch.log(p) - (1 - y) * torch.log(1 - p)).reshape(len(p), -1).sum(1).mean()
        ),
        binary,
        lambda s: _elements(s) / s[0],
    )
    yield Written(
        "complement first",
        bce,
        lambda p, y: -((1 - y) * torch.log(1 - p) + y * torch.log(p)).mean(),
        binary,
    )
    yield Written(
        "with a small constant",
        bce,
        lambda p, y: -(y * torch.log(p + 1e-9) + (1 - y) * torch.log(1 - p + 1e-9)).mean(),
        binary,
    )
    yield Written(
        "two means",
        bce,
        lambda p, y: -(y * p.log()).mean() - ((1 - y) * (1 - p).log()).mean(),
        binary,
    )


def _keras(p, y):
    p = (p / p.sum(-1, keepdim=True)).clamp(TINY, 1 - TINY)
    return -(y * p.log()).sum(-1).mean()


def _gathered(p, y):
    return -p.log().gather(1, y.argmax(1, keepdim=True)).mean()


def _indexed(p, y):
    return -p.log()[torch.arange(len(p)), y.argmax(1)].mean()


def _picked_then_log(p, y):
    return -torch.log(p[torch.arange(len(p)), y.argmax(1)]).mean()


def _categorical_forms():
    """For probabilities `p` of shape `[samples, classes]` and one-hot `y`."""
    own, ce = {"handwritten": False}, "cross_entropy"
    yield Written(
        "nll_loss(log)", ce, lambda p, y: F.nll_loss(p.log(), y.argmax(1)), categorical, **own
    )
    yield Written(
        "nll sum",
        ce,
        lambda p, y: F.nll_loss(p.log(), y.argmax(1), reduction="sum"),
        categorical,
        _samples,
        **own,
    )
    yield Written(
        "cross_entropy of log",
        ce,
        lambda p, y: F.cross_entropy(p.log(), y.argmax(1)),
        categorical,
        **own,
    )
    yield Written(
        "cross_entropy with probabilities",
        ce,
        lambda p, y: F.cross_entropy(p.log(), y),
        categorical,
    )
    yield Written("one-hot", ce, lambda p, y: -(y * torch.log(p)).sum(1).mean(), categorical)
    yield Written("sumce", ce, lambda p, y: -(y * torch.log(p)).sum(), categorical, _samples)
    yield Written(
        "clipped",
        ce,
        lambda p, y: -(y * torch.log(p.clamp(1e-32, 1 - 1e-32))).sum(1).mean(),
        categorical,
    )
    yield Written(
        "mean of all",
        ce,
        lambda p, y: -(y * torch.log(p)).mean(),
        categorical,
        lambda s: 1 / s[1],
    )
    yield Written(
        "sum over samples, mean over classes",
        ce,
        lambda p, y: -(y * torch.log(p)).sum(0).mean(),
        categorical,
        lambda s: s[0] / s[1],
    )
    yield Written("keras", ce, _keras, categorical)
    yield Written(
        "log_softmax",
        ce,
        lambda p, y: -(y * F.log_softmax(p.log(), -1)).sum(-1).mean(),
        categorical,
    )
    yield Written("minus inside", ce, lambda p, y: (-y * torch.log(p)).sum(1).mean(), categorical)
    yield Written("gather", ce, _gathered, categorical)
    yield Written("index", ce, _indexed, categorical)
    yield Written("index, then log", ce, _picked_then_log, categorical)


RESIDUAL = tuple(_residual_forms())
BINARY = tuple(_binary_forms())
CATEGORICAL = tuple(_categorical_forms())
