"""How much a possible cause has harmed a run: no alarm without an effect on the fit."""

from __future__ import annotations

import numpy as np

from lifesigns.records import Severity, Trace
from lifesigns.rules._evidence import progress
from lifesigns.rules._loss_trend import NOTHING, Trend

ENOUGH_STEPS = 40
"""Steps below which a weak fit says nothing, as for loss-flat."""
SURE_STEPS = 100
"""Steps from which a fit at the level of a constant is an error, as for loss-flat."""
WEAK = 0.2
"""Share of the baseline learned below which a fit is called weak."""
RANKS = 0.5
"""Correlation of prediction and target from which a classifier is called good, whatever its loss:
a few confident errors can lift a cross-entropy above chance."""


def harm(trace: Trace, stream: int, course: Trend, weak: float = WEAK) -> Severity:
    """A note if the run fits its targets or is too short to tell; else a warning or an error."""
    losses = trace.losses.stream(stream)
    if len(losses) and not np.isfinite(losses[-1]):
        return Severity.ERROR
    if course.steps < ENOUGH_STEPS or course.correlation > RANKS:
        return Severity.NOTE
    if not np.isfinite(course.gain):
        return Severity.WARNING if progress(trace, stream).harmed else Severity.NOTE
    if course.gain > weak:
        return Severity.NOTE
    nothing = course.steps >= SURE_STEPS and course.gain < NOTHING
    return Severity.ERROR if nothing else Severity.WARNING


def fit(course: Trend) -> str:
    """The fit in words, for `measured`."""
    text = f"the loss went from {course.start:.3g} to {course.end:.3g} in {course.steps} steps"
    if np.isfinite(course.baseline):
        text += f", a constant prediction reaches {course.baseline:.3g}"
    return text
