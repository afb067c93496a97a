"""Outputs that cannot say what the loss asks for: how grave it is, and what was reached."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.course import Course
from lifesigns.evidence.thresholds import CALIBRATED, ENOUGH_STEPS, HALF, Threshold
from lifesigns.functions import lowest_cross_entropy
from lifesigns.records import LossReading, Severity

POOR = Threshold(0.1, "share of the baseline learned below which it is an error", CALIBRATED)


def misfit(course: Course) -> Severity:
    """Only what harms alarms: a network that fits most of its targets is none."""
    if course.gain > HALF:
        return Severity.NOTE
    early = course.steps < ENOUGH_STEPS
    return Severity.WARNING if early or course.gain > POOR else Severity.ERROR


def lowest(loss: LossReading, low: float, high: float, units: int) -> float:
    """The loss of a perfect answer by logits from `low` to `high`; 0 for unlimited ones."""
    if loss.operation.endswith("with_logits"):
        return 0.5 * (math.log1p(math.exp(-high)) + math.log1p(math.exp(low)))
    return lowest_cross_entropy(max(units, 2), high - low)


def reached(course: Course) -> str:
    """The fit beside that of a constant, as a clause behind; empty if that is unknown."""
    if not np.isfinite(course.gain):
        return ""
    return f"; the fit is at {course.end:.3g}, a constant prediction reaches {course.baseline:.3g}"
