"""A fit no better than a constant prediction: how grave that is, and what it may be due to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lifesigns.evidence import suspects
from lifesigns.evidence.course import Course
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.suspects import Suspect
from lifesigns.evidence.thresholds import (
    BLURRED,
    HARDLY_RELATED,
    LEARNED,
    NOTHING,
    PATIENCE,
    SURE,
    SURE_STEPS,
)
from lifesigns.records import Severity

SUSPECTS = (
    suspects.without_steps,
    suspects.heavy_dropout,
    suspects.unscaled_input,
    suspects.unscaled_target,
    suspects.rate_too_high,
    suspects.silent_layer,
    suspects.saturated_layer,
    suspects.faded_gradient,
    suspects.no_gradient,
    suspects.rate_too_low,
)
"""In the order of how directly each explains a flat loss."""


@dataclass(frozen=True, eq=False)
class Flat:
    """What there is to say of a stream whose fit is no better than a constant prediction."""

    severity: Severity
    nothing: bool
    """Whether it is no better than a constant beyond doubt; else it is hardly better."""
    suspects: Sequence[Suspect]
    """Those with evidence of their own; empty if inputs, updates and gradients look healthy."""


def flat(stream: Stream) -> Flat | None:
    """None where something was learned, or cannot be told: several losses have no level."""
    course = stream.course
    ignored = bool(stream.readings) and stream.readings[-1].ignored_all
    little = course.learned_nothing or course.hardly_learned
    if not stream.is_alone or ignored or not little:
        return None
    found = suspects.evident(stream, SUSPECTS)
    if not course.learned_nothing:
        return Flat(Severity.WARNING, False, found)
    return Flat(_severity(course, found), True, found)


def _severity(course: Course, found: Sequence[Suspect]) -> Severity:
    """Short runs alarm only with a cause in evidence: a healthy network may need that long."""
    patient = course.steps >= PATIENCE
    related = not course.gain < -LEARNED and course.correlates(HARDLY_RELATED)
    if not patient and (course.falling or not found):
        return Severity.NOTE
    blurred = SURE * course.gain_error > BLURRED
    if related and (blurred or not found):
        return Severity.NOTE
    unsure = course.gain > NOTHING or course.steps < SURE_STEPS
    return Severity.WARNING if course.falling or unsure else Severity.ERROR
