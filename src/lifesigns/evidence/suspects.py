"""What a loss that does not fall may be due to: each suspect is asked for its own evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lifesigns.evidence.course import REGRESSIONS, Course
from lifesigns.evidence.course_in_words import further, unit
from lifesigns.evidence.gradients import median_known, reach
from lifesigns.evidence.scales import largest_entry
from lifesigns.evidence.still import stands_still
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.thresholds import (
    CALIBRATED,
    FADED_GRADIENT,
    HEAVY_DROPOUT,
    LARGE_UPDATE,
    LARGE_WEIGHTS,
    LITTLE_TRAVEL,
    PATIENCE,
    RAW_INPUT,
    RAW_TARGET,
    RESOLVED,
    SATURATED,
    SILENT_LAYER,
    SMALL_UPDATE,
    STEADY,
    USUAL_UPDATE,
    Threshold,
)
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Kind, ParameterReading, Remedy, Snapshot, UnitSums

SPIKE = Threshold(
    3.0, "highest early loss over the first one (and the baseline), called a spike", CALIBRATED
)
RESTING = Threshold(
    5e-3, "share of the baseline within which a loss rests at the level of a constant", CALIBRATED
)
FAR = Threshold(
    -0.1, "share of the baseline learned by a loss still far above a constant", CALIBRATED
)
STEADILY = Threshold(
    3.0, "standard errors of the slope of a fall that is far from done", "normal: p < 0.3 %"
)
MOST = Threshold(
    0.5, "share of the weights to be trained without a step, called most", "definition"
)


@dataclass(frozen=True)
class Suspect:
    """A possible cause, what speaks for it, and what to do."""

    cause: str
    evidence: str
    remedy: Remedy


Question = Callable[[Stream], Suspect | None]
"""Asks a stream for the evidence of one suspect."""


def evident(stream: Stream, asked: Iterable[Question]) -> list[Suspect]:
    """The suspects with evidence, in the order asked."""
    found = (question(stream) for question in asked)
    return [suspect for suspect in found if suspect]


def too_large(stream: Stream, since: int) -> list[Suspect]:
    """What can have driven values to where a function is flat: since `since`, a recorded step."""
    born = since == stream.first.step
    inputs = (unscaled_input, unscaled_other_input)
    return evident(stream, (*inputs, large_weights if born else rate_too_high))


def unscaled_input(stream: Stream) -> Suspect | None:
    """Inputs whose RMS is far from 1."""
    rms = stream.input_rms
    if not (rms > RAW_INPUT or 0 < rms < 1 / RAW_INPUT):
        return None
    return Suspect(
        "unnormalised_input",
        f"the input has features of RMS {rms:.2g}, where 1 is usual",
        Remedy(
            "Scale the input: mean 0 and standard deviation 1 per feature.",
            "x = (x - x_train.mean(0)) / x_train.std(0).clamp_min(1e-8)",
            edit="standardise-inputs",
        ),
    )


def unscaled_other_input(stream: Stream) -> Suspect | None:
    """One of several inputs that is far larger than the first, as its layer's values tell."""
    site, rms = largest_entry(stream.first)
    if not (rms > RAW_INPUT and 1 / RAW_INPUT < stream.input_rms < RAW_INPUT):
        return None
    return Suspect(
        "unnormalised_input",
        f"{site} is given values of RMS about {rms:.2g} beside a first input of "
        f"{stream.input_rms:.2g}",
        Remedy(
            "Scale this input, too: what is not an image or a feature (a step, a time, a price) "
            "drowns the rest as it is.",
            "out = model(x, step / 1000)  # or sines and cosines of it",
        ),
    )


def unscaled_target(stream: Stream) -> Suspect | None:
    """Targets of another order of magnitude than anything the network puts out."""
    known = [(r.kind, r.target, r.prediction) for r in stream.readings if r.target and r.prediction]
    if not known or known[-1][0] not in REGRESSIONS:
        return None
    _, wanted, given = known[-1]
    target, output = wanted.sums.rms, given.rms
    if not target / max(output, 1.0) > RAW_TARGET:
        return None
    return Suspect(
        "unnormalised_input",
        f"targets have RMS {target:.2g}, the outputs {output:.2g}",
        Remedy(
            "Scale the targets: mean 0 and standard deviation 1; undo it to predict.",
            "y = (y - y_train.mean()) / y_train.std()",
            edit="standardise-targets",
        ),
    )


def large_weights(stream: Stream) -> Suspect | None:
    """Weights that start far too large for their fan-in."""
    gain = stream.weight_scale
    if not gain > LARGE_WEIGHTS:
        return None
    return Suspect(
        "bad_init",
        f"weights start at {gain:.2g} / √fan-in, where 1 to 1.4 keeps the scale",
        Remedy(
            "Initialise so that the signal keeps its scale: He for ReLU, Glorot for tanh.",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
            edit="initialise",
        ),
    )


def rate_too_high(stream: Stream) -> Suspect | None:
    """Large updates, or a spike at the beginning.

    Large updates alone are no evidence where the loss rests at the level of a constant without
    any noise, or falls in a straight line (weights that start at zero are small beside any step),
    and no layer is on a flat end: such steps are at home there.
    """
    ratio, course = stream.largest_update, stream.course
    calm = _rests(course) or _is_straight(course)
    if calm and not (silent_layer(stream) or saturated_layer(stream)):
        ratio = float("nan")
    peak = _early_peak(course)
    evidence = f"an update was {ratio:.2g} of its weights" if ratio > LARGE_UPDATE else ""
    jump = f"the loss jumped to {peak:.3g} at the beginning" if peak else ""
    if not (evidence or jump):
        return None
    return Suspect(
        "lr_too_high",
        " and ".join(filter(None, (evidence, jump))),
        Remedy(
            "Lower the learning rate tenfold.",
            "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
            edit="scale-rate",
        ),
    )


def rate_too_low(stream: Stream) -> Suspect | None:
    """Tiny updates, a short way, or a steady fall that is far from done."""
    if not stream.largest_update > 0 and not is_stepped(stream):
        return None
    evidence = _slowness(stream)
    if not evidence:
        return None
    return Suspect(
        "lr_too_low",
        evidence,
        Remedy(
            "Raise the learning rate tenfold, twice if need be.",
            "for group in optimizer.param_groups:\n    group['lr'] *= 10",
            edit="scale-rate",
        ),
    )


def is_stepped(stream: Stream) -> bool:
    """Whether an optimizer made steps with its weights, at a rate above 0."""
    stepped = stream.trace.optimizers and not stream.trace.idle
    held = any(p.optimized and not p.learning_rate <= 0 for p in stream.last.parameters)
    return bool(stepped) and held


def creeps_in_small_steps(stream: Stream) -> bool:
    """Falls without a break after a long wait, at an even pace, in steps that are less than usual.

    A loss that comes to rest loses pace, so its steps are not what holds it back.
    """
    course = stream.course
    patient = course.steps >= PATIENCE and course.creeps and not course.loses_pace
    return patient and stream.bends and stream.largest_update < USUAL_UPDATE


def _slowness(stream: Stream) -> str:
    """What speaks for steps that are too small; empty if nothing does."""
    ratio, way, course = stream.largest_update, stream.travel, stream.course
    if ratio < SMALL_UPDATE:
        return f"updates are {ratio:.1g} of the weights"
    if course.steps >= PATIENCE and way < LITTLE_TRAVEL:
        return f"all updates together are {way:.1g} of the weights"
    if _is_straight(course):
        left = further(course.steps_left, unit(course))
        return f"the loss falls in a straight line that takes {left}"
    if creeps_in_small_steps(stream):
        return f"updates are {ratio:.1g} of the weights at most, and the loss creeps evenly"
    if course.fall > STEADILY and course.gain < FAR:
        return "the loss falls steadily, yet is still above a constant prediction"
    return ""


def without_steps(stream: Stream) -> Suspect | None:
    """Most of what is to be trained gets no step, and stands still.

    No optimizer holds it, no loss leads to it, or the optimizer never steps.
    """
    history: dict[str, list[ParameterReading]] = {}
    for reading in (p for s in stream.snapshots for p in s.parameters if p.trainable):
        history.setdefault(reading.name, []).append(reading)
    idle = bool(stream.trace.idle) and not len(stream.trace.rates.steps)
    sizes = {name: math.prod(known[0].shape) for name, known in history.items()}
    still = sum(
        sizes[name]
        for name, known in history.items()
        if (idle or not any(p.optimized and p.reached for p in known)) and stands_still(known)
    )
    share = still / max(sum(sizes.values()), 1)
    if not share > MOST:
        return None
    return Suspect(
        "frozen",
        f"{share:.0%} of the weights that are to be trained get no step",
        Remedy(
            "Give the optimizer all parameters, and step it after each backward pass.",
            "optimizer = torch.optim.Adam(model.parameters())",
            edit="optimize-all",
        ),
    )


def silent_layer(stream: Stream) -> Suspect | None:
    """A hidden layer of rectifiers that gives 0 nearly everywhere."""
    for name, sums, operation in _activations(stream.last):
        silent = (sums.active == 0).mean()
        if ACTIVATIONS[operation].silent_side == "low" and silent > SILENT_LAYER:
            return Suspect(
                "dead_relu",
                f"{silent:.0%} of the units at {name} gave 0 in step {stream.last.step}",
                Remedy(
                    "Use a rectifier that keeps a slope.",
                    "nn.LeakyReLU(0.01)",
                    edit="swap-activation",
                ),
            )
    return None


def saturated_layer(stream: Stream) -> Suspect | None:
    """A hidden layer on the flat ends of a squashing function."""
    for name, sums, operation in _activations(stream.last):
        facts = ACTIVATIONS[operation]
        share = sums.saturated.sum() / max(sums.count.sum(), 1)
        if facts.saturates and not facts.silent_side and share > SATURATED:
            return Suspect(
                "saturated",
                f"{share:.0%} of the values at {name} are on a flat end in step {stream.last.step}",
                Remedy(
                    "Smaller weights at the start (Glorot).",
                    "nn.init.xavier_uniform_(w)",
                    edit="initialise",
                ),
            )
    return None


def no_gradient(stream: Stream) -> Suspect | None:
    """A gradient of exactly 0 everywhere."""
    last = stream.last
    trained = [p for p in last.parameters if p.trainable and p.reached]
    if not trained or not all(p.gradient_is_zero for p in trained):
        return None
    return Suspect(
        "vanishing",
        f"the gradient is exactly 0 for every parameter in step {last.step}",
        Remedy(
            "Find the flat place between loss and weights.",
            "print([(n, p.grad.abs().max()) for n, p in model.named_parameters()])",
        ),
    )


def heavy_dropout(stream: Stream) -> Suspect | None:
    """A dropout that leaves nearly nothing of its input."""
    for site in stream.last.graph.sites:
        share = site.details.get("p", 0.0) if site.kind is Kind.DROPOUT else 0.0
        if share > HEAVY_DROPOUT:
            return Suspect(
                "other",
                f"{site.name} drops {share:.0%} of its input: what is left is mostly noise",
                Remedy("Drop less.", "nn.Dropout(0.5)", edit="drop-less"),
            )
    return None


def faded_gradient(stream: Stream) -> Suspect | None:
    """A gradient that hardly reaches the first layer."""
    ratio = median_known([reach(snapshot) for snapshot in stream.snapshots])
    if not ratio < FADED_GRADIENT:
        return None
    return Suspect(
        "vanishing",
        f"the first layer's gradient is {ratio:.1g} of the last layer's",
        Remedy(
            "Use ReLU with He initialisation, normalisation, or fewer layers.",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
            edit="swap-activation",
        ),
    )


def _activations(snapshot: Snapshot) -> Iterator[tuple[str, UnitSums, str]]:
    """Name, output and operation of the activations in the catalogue."""
    for index in snapshot.graph.of_kind(Kind.ACTIVATION):
        site, reading = snapshot.graph.sites[index], snapshot.reading(index)
        if reading and reading.value and site.operation in ACTIVATIONS:
            yield site.name, reading.value, site.operation


def _early_peak(course: Course) -> float:
    """The highest loss of the first fifth, if it is a spike; else 0."""
    early = course.curve[: max(5, course.steps // 5)]
    if not len(early):
        return 0.0
    first = abs(float(early[0]))
    level = max(first, course.baseline) if course.baseline > 0 else first
    peak = float(early.max())
    return peak if level > 0 and peak / level > SPIKE else 0.0


def _is_straight(course: Course) -> bool:
    """Falls as fast as before and has most of its way to go: the gradient has hardly changed."""
    far = course.steps < course.steps_left < math.inf
    return far and course.fall > STEADY and not course.loses_pace


def _rests(course: Course) -> bool:
    quiet = course.end_error < RESOLVED * course.baseline
    return bool(quiet and abs(course.gain) < RESTING)
