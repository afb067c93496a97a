"""Losses of values: the output is the estimate itself."""

from __future__ import annotations

import numpy as np

from lifesigns.functions.losses._loss import Loss
from lifesigns.records import Floats

DELTA = 1.0
"""Where Huber's loss turns from a parabola to a line. Source: torch.nn.HuberLoss."""


def _huber(a: Floats, y: Floats) -> Floats:
    error = np.abs(a - y)
    return np.where(error < DELTA, 0.5 * error**2, DELTA * (error - 0.5 * DELTA))


FAMILY = (
    Loss(
        "squared_error",
        "(a - y)²",
        "identity",
        lambda a, y: (a - y) ** 2,
        lambda a, y: 2 * (a - y),
        "2 (a - y)",
        "values",
        "Estimates the mean; behind a saturated output its gradient carries the dead σ′.",
        "Gauss 1809; torch.nn.MSELoss",
        "nn.MSELoss()",
    ),
    Loss(
        "absolute_error",
        "|a - y|",
        "identity",
        lambda a, y: np.abs(a - y),
        lambda a, y: np.sign(a - y),
        "sign(a - y)",
        "values",
        "Estimates the median; outliers pull no harder than others, and steps do not shrink.",
        "Laplace 1774; torch.nn.L1Loss",
        "nn.L1Loss()",
    ),
    Loss(
        "huber",
        "(a - y)²/2 if |a - y| < 1, else |a - y| - 1/2",
        "identity",
        _huber,
        lambda a, y: np.clip(a - y, -DELTA, DELTA),
        "a - y, cut at ±1",
        "values",
        "Squared near the target, absolute far from it: outliers do not explode the gradient.",
        "Huber 1964; torch.nn.HuberLoss",
        "nn.HuberLoss()",
    ),
)
