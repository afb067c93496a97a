"""OPT001: the steps are too large: the loss suffers from the size of the updates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold, suspects
from lifesigns.evidence.gradients import reach
from lifesigns.evidence.thresholds import CALIBRATED, FADED_GRADIENT, LARGE_UPDATE
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

JUMP = Threshold(1.5, "ratio of the running median to its start", "batch noise is less")
LOST = Threshold(-1.0, "gain, at twice the loss of a constant prediction", CALIBRATED)
WINDOW = Threshold(5, "steps of a running median", "a single odd batch must not count")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; several losses in turn (a GAN) have no level to judge by."""
    if not stream.is_alone:
        return
    if not (stream.largest_update > LARGE_UPDATE and _jumps(stream.course)):
        return
    elsewhere = stream.is_raw or stream.has_large_weights or suspects.unscaled_target(stream)
    if not elsewhere and not _faded_before(stream):
        yield _finding(stream)


def _faded_before(stream: Stream) -> bool:
    """The gradient hardly reached the first layer before any step was made.

    Later that is what too large steps have done, in a transformer for one.
    """
    from_start = reach(stream.first) < FADED_GRADIENT
    return from_start and suspects.faded_gradient(stream) is not None


def _jumps(course: Course) -> bool:
    """The loss rose clearly above its start, and above a constant prediction where that is known.

    Compared are running medians, so that a single odd batch does not count.
    """
    width = int(WINDOW)
    if len(course.curve) < 2 * width:
        return False
    levels = [
        float(np.median(course.curve[i : i + width])) for i in range(course.steps - width + 1)
    ]
    start = max(abs(float(course.curve[0])), course.baseline if course.baseline > 0 else 0.0)
    return max(levels) > JUMP * start > 0


def _finding(stream: Stream) -> Finding:
    course, ratio = stream.course, stream.largest_update
    severity = course.harm()
    if severity is Severity.NOTE and course.gain < LOST:
        severity = Severity.WARNING  # right more often than not, and very sure where it is wrong
    return RULE.finding(
        severity,
        f"steps are too large: an update was {ratio:.2g} of its weights, and the loss rose"
        if severity is not Severity.NOTE
        else f"an update was {ratio:.2g} of its weights, and the loss rose for a while",
        step=stream.first.step,
        measured=f"largest update over weights {ratio:.2g}; highest loss "
        f"{float(course.curve.max()):.3g}; {course}",
        expected="updates of about 1e-3 of the weights, and a loss that stays below its start",
        certainty="the updates: exact, on recorded steps; the rise: by running medians of the loss",
        causes=("lr_too_high", "exploding"),
        remedies=(
            Remedy(
                "Lower the learning rate tenfold.",
                "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
                edit="scale-rate",
            ),
            Remedy(
                "Or let it rise over the first steps.",
                "scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=100)",
                edit="warm-up",
            ),
        ),
        evidence={"update": ratio, "highest": float(course.curve.max()), "gain": course.gain},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float],
    *,
    update: float = 0.3,
    weight: float = 0.5,
    correlation: float = float("nan"),
) -> Trace:
    return example.regression(losses, update=update, weight_rms=weight, correlation=correlation)


def _faded(*, from_start: bool) -> Trace:
    """A gradient that reaches the first layer no longer after the first step, or never did."""
    graph = example.chain("linear", "relu", "linear", "relu", "linear/1", "mse_loss", batch=32)
    known = example.weights(graph, weight_rms=0.5, update_rms=0.15)
    sizes = {True: (1e-9, 1e-4, 1.0), False: (1.0, 1.0, 1.0)}
    shots = []
    for shot in _example(_UP).snapshots:
        read = example.with_gradients(known, sizes[from_start or shot.step > 0])
        loss = shot.loss and replace(shot.loss, site=5)
        shots.append(replace(shot, graph=graph, parameters=tuple(read), loss=loss))
    return example.trace(*shots, losses=_UP)


_UP = [1.0, 3.0, *([9.0] * 58), *([4.0] * 60)]
_CATAPULT = [1.0, *([9.0] * 12), *np.geomspace(5, 0.01, 110)]

RULE = Rule(
    code="OPT001",
    name="rate-too-high",
    title="Steps are so large that the loss rises",
    why="A gradient tells the slope at one point only, and a step that is too long lands where the "
    "slope is another one. From there the next step is longer still, or units are pushed where no "
    "gradient reaches them.",
    sees="""
Updates of a good part of the weights they change, together with a loss that climbed clearly above
where it began. The rate itself is not judged: 10 is fine for one network and 1e-4 too much for
another.
""",
    evidence="""
The largest update over its weights on the recorded steps, and running medians of the loss against
its start and against a constant prediction. It alarms only if the fit stays weak.
""",
    ignore="""
A large first step that the network recovers from (the catapult of Lewkowycz et al.) is only noted.
Where inputs are raw, weights start far too large or targets are unscaled, those lead, because a
lower rate would only hide them.
""",
    references=(
        "TheDeepChecker (Ben Braiek & Khomh 2023): updates of 1e-4 to 1e-1 of the weights",
        "Lewkowycz et al. 2020, The large learning rate phase of deep learning",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"update": LARGE_UPDATE, "jump": JUMP, "lost": LOST, "window": WINDOW},
    explains=(
        "loss-diverges",
        "loss-oscillates",
        "loss-flat",
        "exploding-gradient",
        "non-finite-origin",
        "dead-units",
        "saturated-units",
        "constant-output",
        "zero-gradient",
        "labels-unrelated",
    ),
    cases=(
        Case("rises and stays", lambda: _example(_UP), Severity.ERROR),
        Case("rises until it overflows", lambda: _example([*_UP, float("inf")]), Severity.ERROR),
        Case(
            "rises and stays, though outputs go with the targets",
            lambda: _example(_UP, correlation=0.9),
            Severity.WARNING,
        ),
        Case(
            "near miss: the same, near the level of a constant",
            lambda: _example([*_UP, *([1.3] * 120)], correlation=0.9),
            None,
        ),
        Case("it took the gradient away", lambda: _faded(from_start=False), Severity.ERROR),
        Case("near miss: there was no gradient before", lambda: _faded(from_start=True), None),
        Case("near miss: it recovers", lambda: _example(_CATAPULT), None),
        Case("near miss: small updates", lambda: _example(_UP, update=0.01), None),
        Case("near miss: weights that start too large", lambda: _example(_UP, weight=9.0), None),
        Case("large steps at the end of learning", lambda: _example([0.1] * 120), None),
        Case("readings missing: no updates", lambda: example.unread(_example(_UP)), None),
    ),
)
