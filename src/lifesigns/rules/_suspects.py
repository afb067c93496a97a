"""What a loss that does not fall may be due to: each suspect is asked for its own evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Kind, Remedy, Snapshot, Trace, UnitSums
from lifesigns.rules._evidence import weight_gradients
from lifesigns.rules._loss_trend import Trend
from lifesigns.rules._scales import (
    LARGE_WEIGHTS,
    RAW_INPUT,
    input_rms,
    largest_update,
    travel,
    weight_scale,
)

LARGE_UPDATE = 0.1
"""Update over weight above which a step is called large (TheDeepChecker: healthy below 1e-1)."""
SMALL_UPDATE = 1e-4
"""Below this an update is called small (TheDeepChecker: healthy from 1e-4; Karpathy: 1e-3)."""
LITTLE_TRAVEL = 0.2
"""Way of the weights over a whole run, in their own size, below which they hardly moved: of 240
programs that learned, calibrated beside the cases, none went less far."""
LONG = 250
"""Steps from which a short way is the rate's fault rather than the run's."""
FADED = 0.02
"""First over last layer's gradient below which it fades. AutoTrainer alarms at 1e-3; here the loss
is flat already, and of the programs that learn only Adam copes with less than 0.02."""
HEAVY_DROPOUT = 0.9
"""Probability above which dropout hides the signal; usual are 0.1 to 0.5 (Srivastava 2014)."""
SPIKE = 3.0
"""An early loss this many times the first one (and the baseline) is a spike."""


@dataclass(frozen=True)
class Suspect:
    """A possible cause, what speaks for it, and what to do."""

    cause: str
    evidence: str
    remedy: Remedy


Question = Callable[[Trace, int, Trend], "Suspect | None"]


def suspects(trace: Trace, stream: int, course: Trend, asked: Iterable[Question]) -> list[Suspect]:
    """The suspects with evidence, in the order asked."""
    found = (question(trace, stream, course) for question in asked)
    return [suspect for suspect in found if suspect]


def too_large(trace: Trace, stream: int, course: Trend, since: int) -> list[Suspect]:
    """What can have driven values to where a function is flat: since `since`, a recorded step."""
    born = since == trace.stream(stream)[0].step
    return suspects(
        trace, stream, course, (unscaled_input, large_weights if born else rate_too_high)
    )


def unscaled_input(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """Inputs whose RMS is far from 1."""
    rms = input_rms(trace, stream)
    if not (rms > RAW_INPUT or 0 < rms < 1 / RAW_INPUT):
        return None
    return Suspect(
        "unnormalised_input",
        f"the input has features of RMS {rms:.2g}, where 1 is usual",
        Remedy(
            "Scale the input: mean 0 and standard deviation 1 per feature.",
            "x = (x - x_train.mean(0)) / x_train.std(0).clamp_min(1e-8)",
        ),
    )


def unscaled_target(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """Targets of another order of magnitude than anything the network puts out."""
    losses = [
        s.loss for s in trace.stream(stream) if s.loss and s.loss.target and s.loss.prediction
    ]
    if not losses or losses[-1].kind not in ("squared_error", "absolute_error", "huber"):
        return None
    last = losses[-1]
    target, output = last.target.sums.rms, last.prediction.rms  # type: ignore[union-attr]
    if not target > RAW_INPUT * max(output, 1.0):
        return None
    return Suspect(
        "unnormalised_input",
        f"targets have RMS {target:.2g}, the outputs {output:.2g}",
        Remedy(
            "Scale the targets: mean 0 and standard deviation 1; undo it to predict.",
            "y = (y - y_train.mean()) / y_train.std()",
        ),
    )


def large_weights(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """Weights that start far too large for their fan-in."""
    gain = weight_scale(trace, stream)
    if not gain > LARGE_WEIGHTS:
        return None
    return Suspect(
        "bad_init",
        f"weights start at {gain:.2g} / √fan-in, where 1 to 1.4 keeps the scale",
        Remedy(
            "Initialise so that the signal keeps its scale: He for ReLU, Glorot for tanh.",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
        ),
    )


def rate_too_high(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """Large updates, or a spike at the beginning.

    Large updates alone are no evidence where the loss rests at the level of a constant without
    any noise and no layer is on a flat end: such steps are at home there.
    """
    ratio = largest_update(trace, stream)
    if _rests(course) and not (
        silent_layer(trace, stream, course) or saturated_layer(trace, stream, course)
    ):
        ratio = float("nan")
    early = course.curve[: max(5, course.steps // 5)]
    level = abs(float(course.curve[0])) if course.steps else float("nan")
    level = max(level, course.baseline) if course.baseline > 0 else level
    spiked = bool(len(early) and early.max() > SPIKE * level > 0)
    if not (ratio > LARGE_UPDATE or spiked):
        return None
    evidence = f"an update was {ratio:.2g} of its weights" if ratio > LARGE_UPDATE else ""
    jump = f"the loss jumped to {early.max():.3g} at the beginning" if spiked else ""
    return Suspect(
        "lr_too_high",
        " and ".join(filter(None, (evidence, jump))),
        Remedy(
            "Lower the learning rate tenfold.",
            "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
        ),
    )


def rate_too_low(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """Tiny updates, a short way, or a steady fall that is far from done."""
    ratio, way = largest_update(trace, stream), travel(trace, stream)
    short = course.steps >= LONG and way < LITTLE_TRAVEL
    steady = course.fall > 3 and course.gain < -0.1
    if not (ratio < SMALL_UPDATE or short or steady):
        return None
    evidence = "the loss falls steadily, yet is still above a constant prediction"
    if short:
        evidence = f"all updates together are {way:.1g} of the weights"
    return Suspect(
        "lr_too_low",
        f"updates are {ratio:.1g} of the weights" if ratio < SMALL_UPDATE else evidence,
        Remedy(
            "Raise the learning rate tenfold, twice if need be.",
            "for group in optimizer.param_groups:\n    group['lr'] *= 10",
        ),
    )


def silent_layer(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """A hidden layer of rectifiers that gives 0 nearly everywhere."""
    for name, sums, operation in _activations(trace.stream(stream)[-1:]):
        if ACTIVATIONS[operation].silent_side == "low" and (sums.active == 0).mean() > 0.9:
            return Suspect(
                "dead_relu",
                f"{name} is silent",
                Remedy("Use a rectifier that keeps a slope.", "nn.LeakyReLU(0.01)"),
            )
    return None


def saturated_layer(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """A hidden layer on the flat ends of a squashing function."""
    for name, sums, operation in _activations(trace.stream(stream)[-1:]):
        facts = ACTIVATIONS[operation]
        flat = sums.saturated.sum() / max(sums.count.sum(), 1)
        if facts.saturates and not facts.silent_side and flat > 0.5:
            return Suspect(
                "saturated",
                f"{flat:.0%} of the values at {name} are on a flat end",
                Remedy("Smaller weights at the start (Glorot).", "nn.init.xavier_uniform_(w)"),
            )
    return None


def no_gradient(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """A gradient of exactly 0 everywhere."""
    last = trace.stream(stream)[-1]
    trained = [p for p in last.parameters if p.trainable and p.reached]
    if not trained or not all(p.gradient_is_zero for p in trained):
        return None
    return Suspect(
        "vanishing",
        "the gradient is exactly 0 for every parameter",
        Remedy(
            "Find the flat place between loss and weights.",
            "print([(n, p.grad.abs().max()) for n, p in model.named_parameters()])",
        ),
    )


def heavy_dropout(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """A dropout that leaves nearly nothing of its input."""
    for site in trace.stream(stream)[-1].graph.sites:
        share = site.details.get("p", 0.0) if site.kind is Kind.DROPOUT else 0.0
        if share > HEAVY_DROPOUT:
            return Suspect(
                "other",
                f"{site.name} drops {share:.0%} of its input: what is left is mostly noise",
                Remedy("Drop less.", "nn.Dropout(0.5)"),
            )
    return None


def faded_gradient(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """A gradient that hardly reaches the first layer."""
    ratios = [_fading(snapshot) for snapshot in trace.stream(stream)]
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    ratio = float(np.median(known)) if known else float("nan")
    if not ratio < FADED:
        return None
    return Suspect(
        "vanishing",
        f"the first layer's gradient is {ratio:.1g} of the last layer's",
        Remedy(
            "Use ReLU with He initialisation, normalisation, or fewer layers.",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
        ),
    )


def _activations(snapshots: Iterable[Snapshot]) -> Iterator[tuple[str, UnitSums, str]]:
    """Name, output and operation of the activations in the catalogue."""
    for snapshot in snapshots:
        for index in snapshot.graph.of_kind(Kind.ACTIVATION):
            site, reading = snapshot.graph.sites[index], snapshot.reading(index)
            if reading and reading.value and site.operation in ACTIVATIONS:
                yield site.name, reading.value, site.operation


def _fading(snapshot: Snapshot) -> float:
    scales = [reading.gradient_rms for _, reading in weight_gradients(snapshot)]
    return scales[0] / scales[-1] if len(scales) > 2 and scales[-1] > 0 else float("nan")


def _rests(course: Trend) -> bool:
    quiet = course.end_error < 2e-3 * course.baseline
    return bool(quiet and abs(course.gain) < 5e-3)
