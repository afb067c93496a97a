"""Targets beyond the range of the activation whose values a regression compares with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lifesigns.evidence.constant import targets_of
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.misfit import misfit, reached
from lifesigns.evidence.output import compared_activation
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.terms import Term, terms_of
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED, HALF, Threshold
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Severity, Site, UnitSums

SHARE = Threshold(0.05, "share of the targets' range beyond the output's", "rounding, outliers")
MUCH = Threshold(
    0.25,
    "share of the targets' range beyond the output's that keeps a fit from being good",
    "a definition: a quarter",
)
REACH = {"share": SHARE, "much": MUCH, "fitted": FITTED, "learned": HALF}
"""Where it matters that targets are beyond reach, for the page of a rule."""


@dataclass(frozen=True)
class Beyond:
    """An output that cannot take all values it is asked for."""

    site: Site
    low: float
    high: float
    """The range of its activation."""
    least: float
    most: float
    """The targets."""
    severity: Severity
    level: str
    """What was reached, as a clause behind."""


def beyond_reach(stream: Stream) -> Iterator[Beyond]:
    """The data terms of a loss whose targets lie beyond their output, in the order of the sum.

    Args:
        stream: A loss.
    """
    loss, course = stream.readings[-1], stream.course
    if loss.kind in REGRESSIONS:
        site, fit = compared_activation(stream.last), (misfit(course), reached(course))
        yield from _beyond(site, stream.targets, *fit, gain=course.gain)
    further = [t for t in terms_of(stream.readings) if t.readings[-1] is not loss]
    for term in further if course.steps >= ENOUGH_STEPS else ():
        last = term.readings[-1]
        if term.kind in REGRESSIONS and last.site >= 0:
            site, targets = compared_activation(stream.last, last), targets_of(term.readings)
            severity = Severity.NOTE if term.gain > HALF else Severity.WARNING
            yield from _beyond(site, targets, severity, _level(term), gain=term.gain)


def _beyond(
    site: Site | None, targets: UnitSums | None, severity: Severity, level: str, *, gain: float
) -> Iterator[Beyond]:
    if site is None or targets is None or not targets.units:
        return
    low, high = ACTIVATIONS[site.operation].range(site.details)
    least, most = float(targets.minimum.min()), float(targets.maximum.max())
    missed = max(low - least, most - high) / (most - least or 1.0)
    if severity is Severity.NOTE and missed > MUCH and gain < FITTED:
        severity = Severity.WARNING
    if missed > SHARE:
        yield Beyond(site, low, high, least, most, severity, level)


def _level(term: Term) -> str:
    return (
        f"; {term.operation}, {term.share:.0%} of the loss, is at {term.level:.3g}, a constant "
        f"prediction reaches {term.baseline:.3g}"
    )
