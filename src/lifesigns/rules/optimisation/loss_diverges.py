"""OPT004: the loss runs away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifesigns.evidence import Course, Run, Stream, Threshold, suspects
from lifesigns.evidence.blocks import SLOPED, block_means
from lifesigns.evidence.course_in_words import length, loss
from lifesigns.evidence.scales import update_ratio
from lifesigns.evidence.suspects import Suspect
from lifesigns.evidence.thresholds import CALIBRATED, LARGE_UPDATE, ROSE
from lifesigns.records import (
    BatchReading,
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    TargetReading,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(10, "steps before a rise is judged", CALIBRATED)
UNKNOWN_FACTOR = Threshold(10.0, "end over start of an unrecognised loss", "no level is known")
LEVEL = Threshold(
    1.25,
    "last quarter over the one before it, of a loss that levels off",
    "a definition: a quarter",
)
ANSWERS = "own_answers"
"""The detail of a loss: that the network or a copy of it was asked for the targets."""


@dataclass(frozen=True)
class _Rise:
    """How the loss ran away."""

    symptom: str
    step: int
    measured: str
    certainty: str
    causes: tuple[str, ...] = ()
    """Those that come before what the run itself points to."""


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding a loss; several in turn (a GAN) rise and fall against each other."""
    for stream in run.losses:
        if stream.is_alone and stream.course.steps:
            yield from _judged(stream)


def _judged(stream: Stream) -> Iterable[Finding]:
    """A loss that was never finite did not go there: where that began is another rule's matter."""
    if not stream.course.ends_finite:
        yield _finding(stream, _overflowed(stream))
    elif stream.course.steps >= STEPS and _runs_away(stream):
        yield _finding(stream, _rose(stream))


def _runs_away(stream: Stream) -> bool:
    """Whether it rose; values that go into their own targets are to grow to their size."""
    grown = _asks_itself(stream) and _levels_off(stream.course)
    return stream.course.rose(_factor(stream)) and not grown


def _factor(stream: Stream) -> float:
    return ROSE if np.isfinite(stream.course.baseline) else UNKNOWN_FACTOR


def _onset(stream: Stream, factor: float) -> int:
    """The step from which the loss stayed above `factor` times its first value (or non-finite)."""
    values, steps = stream.losses, stream.steps
    first = values[np.isfinite(values)][0]
    below = np.flatnonzero(values - first <= (factor - 1) * abs(first))
    return int(steps[min(below[-1] + 1, len(steps) - 1)]) if len(below) else int(steps[0])


def _overflowed(stream: Stream) -> _Rise:
    values = stream.losses
    finite = np.flatnonzero(np.isfinite(values))
    step = int(stream.steps[finite[-1] + 1])
    grew = float(np.abs(values[finite]).max()) > ROSE * abs(float(values[finite[0]]))
    return _Rise(
        f"the loss is not finite from step {step} on" + (", after it grew" if grew else ""),
        _onset(stream, ROSE) if grew else step,
        f"{values[0]:.3g} at the start, {values[finite[-1]]:.3g} as the last finite loss",
        "exact: the loss of every step was read",
        () if grew else ("nan",),
    )


def _rose(stream: Stream) -> _Rise:
    course = stream.course
    means = block_means(course.curve)
    return _Rise(
        f"{loss(course)} rose from {course.start:.4g} to {course.end:.4g}"
        + (", though it falls again at the end" if course.falling else ""),
        _onset(stream, _factor(stream)),
        f"{course}; block means {', '.join(f'{m:.3g}' for m in means[:5])} …",
        f"{course.end_error:.2g} standard error of the end level, {length(course)}",
    )


def _finding(stream: Stream, rise: _Rise) -> Finding:
    course = stream.course
    asked = (suspects.unscaled_input, _uphill, suspects.rate_too_high, _perhaps_uphill)
    own = _own_targets(stream)
    found = [own] if own else suspects.evident(stream, asked) if stream.snapshots else []
    found = found or [_RATE]
    causes = (*rise.causes, *(s.cause for s in found), "exploding", "lr_too_high")
    return RULE.finding(
        Severity.ERROR,
        rise.symptom,
        step=rise.step,
        measured="; ".join((rise.measured, *(s.evidence for s in found if s.evidence))),
        expected="a loss that falls, or stays level",
        certainty=rise.certainty,
        causes=tuple(dict.fromkeys(causes))[: 1 if own else 3],
        remedies=(*(s.remedy for s in found), _CLIP)[:3],
        evidence={"start": course.start, "end": course.end, "baseline": course.baseline},
    )


def _asks_itself(stream: Stream) -> bool:
    """Whether the network or a copy of it is asked for targets, in half of the steps or more."""
    asked = sum(ANSWERS in reading.details for reading in stream.readings)
    return 0 < len(stream.readings) <= 2 * asked


def _levels_off(course: Course) -> bool:
    """Whether the end is hardly higher than what came before: values have grown to their size."""
    last, before = np.array_split(course.curve, 4)[:1:-1]
    return bool(last.mean() <= LEVEL * before.mean())


def _own_targets(stream: Stream) -> Suspect | None:
    """Targets that the network gives itself, and that grew: the scale of a loss grows with them."""
    asked = [reading for reading in stream.readings if ANSWERS in reading.details]
    targets = [reading.target.sums.rms for reading in asked if reading.target is not None]
    if not _asks_itself(stream):
        return None
    if not targets:
        return Suspect("exploding", "the network or its copy is asked for the targets", _OWN)
    first, last = float(targets[0]), float(targets[-1])
    if last <= ROSE * first:
        return None
    grew = f", which grew from {first:.3g} to {last:.3g} (RMS)"
    return Suspect("exploding", f"the network or its copy is asked for the targets{grew}", _OWN)


def _uphill(stream: Stream) -> Suspect | None:
    """Small updates and a loss that rises all the same: steps along the gradient."""
    small = [ratio < LARGE_UPDATE for ratio in _early_ratios(stream)]
    return _SIGN if small and all(small) and _rises_throughout(stream.course) else None


def _perhaps_uphill(stream: Stream) -> Suspect | None:
    """The same, if only the first update was small: an overshoot may look like this as well."""
    small = [ratio < LARGE_UPDATE for ratio in _early_ratios(stream)]
    return (
        _SIGN
        if small and small[0] and not all(small) and _rises_throughout(stream.course)
        else None
    )


def _early_ratios(stream: Stream) -> list[float]:
    ratios = map(update_ratio, stream.snapshots[:4])
    return [ratio for ratio in ratios if np.isfinite(ratio)]


def _rises_throughout(course: Course) -> bool:
    means = block_means(course.curve)
    levels = means if len(means) >= SLOPED else course.curve
    return len(levels) > 2 and bool((np.diff(levels) > 0).all())


_SIGN = Suspect(
    "other",
    "it rises without a break from a small first update on",
    Remedy(
        "Check the sign: the loss must be minimised.",
        "loss = -objective  # and no maximize=True in the optimizer",
    ),
)
_OWN = Remedy(
    "Look at the targets, not at the rate: values that go into their own targets grow until these "
    "end an episode where it ends, are of the shape of the values, and have a discount below 1.",
    "target = reward + gamma * next_value * (1 - done)\nassert target.shape == value.shape",
)
_CLIP = Remedy(
    "Clip the gradient while you look for the cause.",
    "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
    edit="clip-gradient",
)
_RATE = Suspect(
    "lr_too_high",
    "",
    Remedy(
        "Lower the learning rate tenfold.",
        "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
        edit="scale-rate",
    ),
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float], *, rms: float = 1.0, variance: float = 0.1, **rest: Any
) -> Trace:
    graph = example.chain("linear", "mse_loss", batch=32)
    wanted = np.sqrt(variance) * np.tile([[-1.0], [1.0]], (16, 4))
    shots = [
        example.snapshot(
            graph,
            step=s,
            parameters=example.weights(graph, weight_rms=1.0, update_rms=rest.get("update", 0.5)),
            loss=LossReading(
                float(losses[s]),
                "squared_error",
                "mse_loss",
                fit=float(losses[s]),
                scale=1.0,
                site=1,
                target=example.target(wanted),
            ),
            batch=BatchReading((32, 4), example.sums(np.full((32, 4), rms))),
        )
        for s in (0, 1, 2, 4)
    ]
    return example.trace(*shots, losses=losses)


def _bootstrapped(growth: float, losses: Iterable[float] = np.linspace(1, 50, 100)) -> Trace:
    """A loss that rises with targets that the network gives itself."""
    known = _example(list(losses), update=1e-3)
    shots = [
        replace(s, loss=replace(s.loss, target=_grown(growth, k), details={ANSWERS: 1.0}))
        for k, s in enumerate(known.snapshots)
        if s.loss is not None
    ]
    return replace(known, snapshots=tuple(shots))


def _grown(growth: float, times: int) -> TargetReading:
    return example.target(growth**times * np.tile([[-0.3], [0.3]], (16, 4)))


RULE = Rule(
    code="OPT004",
    name="loss-diverges",
    title="The loss runs away",
    why="Gradient descent goes downhill only while its steps are short against the curvature of "
    "the loss. A longer step lands higher on the other side of the valley, the gradient there is "
    "larger, and so is the next step.",
    sees="""
On a quadratic with curvature h a step of the gradient times a rate above 2/h overshoots the
minimum by more than it was away from it: the loss grows from step to step until it overflows.
Large inputs make h large, so raw inputs and a large learning rate look the same.
""",
    evidence="""
The loss ends not finite after it was finite, or the mean of its last fifth is more than twice its
start, beyond its noise and above what a constant prediction reaches. For a loss that is not
recognised, ten times.

The size of the first updates tells two causes apart. Long steps overshoot; a loss that rises
steadily in *small* steps goes uphill: a flipped sign or `maximize=True`. Where a network or its
copy is asked for the targets, and these grow with the loss, neither is what has to be changed.
""",
    ignore="""
A loss that starts near 0 on a pretrained network may rise a little without harm, as long as it
stays below a constant prediction. Values that go into their own targets, as in Q-learning, grow to
their size, and their loss with them: it is judged only while it goes on rising. Losses trained
against each other (GANs) are not judged.
""",
    references=(
        "LeCun et al. 1998, Efficient BackProp: convergence of gradient descent",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 4.3: gradient-based "
        "optimization",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check_run=check_run,
    thresholds={"steps": STEPS, "factor": ROSE, "unknown_factor": UNKNOWN_FACTOR, "level": LEVEL},
    explains=("loss-flat", "constant-output", "exploding-gradient", "non-finite-origin"),
    cases=(
        Case(
            "grows until it overflows",
            lambda: _example([*np.geomspace(1, 1e30, 30), float("inf"), float("nan")]),
            Severity.ERROR,
        ),
        Case(
            "rises in small steps",
            lambda: _example(list(np.linspace(1, 50, 100)), update=1e-3),
            Severity.ERROR,
        ),
        Case("targets of its own that grow", lambda: _bootstrapped(3.0), Severity.ERROR),
        Case(
            "near miss: values of its own that have grown to their size",
            lambda: _bootstrapped(1.5, np.minimum(np.linspace(1, 50, 100), 9)),
            None,
        ),
        Case("raw input", lambda: _example(list(np.geomspace(1, 9, 50)), rms=90), Severity.ERROR),
        Case("near miss: one spike", lambda: _example([1.0] * 20 + [50.0] + [0.5] * 40), None),
        Case("falling", lambda: _example(list(np.geomspace(5, 0.1, 100))), None),
        Case("below chance", lambda: _example(list(np.linspace(0.01, 0.09, 90)), variance=1), None),
        Case("a negative loss", lambda: _example(list(np.linspace(-1, -9, 90))), None),
        Case("recovers from one overflow", lambda: _example([1, np.nan, *[0.9] * 50]), None),
        Case(
            "readings missing: the losses prove it",
            lambda: example.unread(_example([*np.geomspace(1, 1e30, 30), float("inf")])),
            Severity.ERROR,
        ),
    ),
)
