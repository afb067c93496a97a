"""A fit no better than a constant prediction: how grave that is, and what it may be due to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lifesigns.evidence import suspects, zigzag
from lifesigns.evidence.course import RANKING, Course
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
from lifesigns.records import Remedy, Severity

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
    margin = SURE * course.gain_error
    worse = course.gain + margin < -LEARNED
    related = not worse and course.correlates(HARDLY_RELATED)
    if not patient and (course.falling or not found):
        return Severity.NOTE
    if related and (margin > BLURRED or not found):
        return Severity.NOTE
    unsure = course.gain > NOTHING or course.steps < SURE_STEPS
    return Severity.WARNING if course.falling or unsure else Severity.ERROR


def reasons(stream: Stream, found: Flat) -> Sequence[Suspect]:
    """What to look into: the suspects in evidence; without any, what is left.

    Args:
        stream: What was judged.
        found: The judgement of it.
    """
    if stream.course.kind == RANKING:
        return [*found.suspects, _ORDER][:3]
    if not found.nothing:
        return [*found.suspects, _HARDLY_RELATED, _MIXED][:3]
    if found.suspects:
        return found.suspects[:3]
    if found.severity is Severity.NOTE:
        return [_TOO_SHORT]
    rest = zigzag.suspect(stream) or (_BEGUN if stream.course.correlates() else _UNRELATED)
    return [rest] if stream.bends else [_LINEAR, rest]


_TOO_SHORT = Suspect(
    "too_few_epochs",
    "inputs, updates and gradients look healthy",
    Remedy("Train for longer before you judge it.", "epochs *= 5", edit="train-longer"),
)
_BEGUN = Suspect(
    "too_few_epochs",
    "more than by chance, so inputs and labels have something to do with each other",
    Remedy("Train for longer before you judge it.", "epochs *= 5", edit="train-longer"),
)
_LINEAR = Suspect(
    "missing_activation",
    "nothing between input and output is non-linear, so only a linear relation can be learned",
    Remedy(
        "Add a hidden layer with an activation.",
        "model = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, outputs))",
    ),
)
_UNRELATED = Suspect(
    "wrong_labels",
    "inputs, updates and gradients look healthy",
    Remedy(
        "Check that inputs and targets belong together, then try to overfit ten samples.",
        "for i in range(5):\n    print(x[i], y[i])  # does each label fit its input?",
    ),
)
_HARDLY_RELATED = replace(
    _UNRELATED, evidence="so little is also found where most pairs do not belong together"
)
_ORDER = Suspect(
    "wrong_labels",
    "each sample is compared with those before it, and the order may be the wrong way round",
    Remedy(
        "Sort by time, the longest first: the risk set of an event is who was there at its time.",
        "order = torch.argsort(time, descending=True)\nrisk, event = risk[order], event[order]",
        edit="sort-downwards",
    ),
)
_MIXED = Suspect(
    "wrong_shape",
    "or where samples are mixed up on the way",
    Remedy(
        "Check that reshaping keeps the samples apart: one alone gives what it gives in a batch.",
        "model.eval()\nprint(model(x[:1]) - model(x)[:1])  # 0 where it does",
    ),
)
