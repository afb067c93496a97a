"""OPT001: the steps are too large: the loss suffers from the size of the updates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold, suspects
from lifesigns.evidence.fold import fold
from lifesigns.evidence.gradients import median_known, reach, weight_gradients
from lifesigns.evidence.thresholds import CALIBRATED, FADED_GRADIENT, LARGE_UPDATE
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

JUMP = Threshold(1.5, "ratio of the running median to its start", "batch noise is less")
LOST = Threshold(-1.0, "gain, at twice the loss of a constant prediction", CALIBRATED)
FELL = Threshold(
    10, "share of the gradient that reached the first layer over that now", "convention: a decade"
)
GREW = Threshold(
    2, "weights over their start", "arithmetic: the steps made more of them than the initialiser"
)
WINDOW = Threshold(5, "steps of a running median", "a single odd batch must not count")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; several losses in turn (a GAN) have no level to judge by."""
    if not stream.is_alone:
        return
    if not stream.largest_update > LARGE_UPDATE:
        return
    elsewhere = stream.is_raw or stream.has_large_weights or suspects.unscaled_target(stream)
    if elsewhere or _faded_before(stream):
        return
    if _jumps(stream.course):
        yield _finding(stream)
    elif _lost(stream) and stream.course.harm() is not Severity.NOTE:
        yield _without_gradient(stream)


def _faded_before(stream: Stream) -> bool:
    """The gradient hardly reached the first layer before any step was made.

    Later that is what too large steps have done, in a transformer for one.
    """
    from_start = reach(stream.first) < FADED_GRADIENT
    return from_start and suspects.faded_gradient(stream) is not None


def _lost(stream: Stream) -> bool:
    """The weights have grown manifold, and a good part of the gradient reaches them no longer."""
    start, now = reach(stream.first), _reach_now(stream)
    return now < FADED_GRADIENT <= start and now * FELL < start and _growth(stream) > GREW


def _reach_now(stream: Stream) -> float:
    return median_known([reach(snapshot) for snapshot in stream.latest])


def _growth(stream: Stream) -> float:
    """The median over the layers of what their weights are now over what they began with."""
    began = {site.name: read.weight_rms for site, read in weight_gradients(stream.first)}
    now = {site.name: read.weight_rms for site, read in weight_gradients(stream.last)}
    return median_known([now[name] / began[name] for name in now if began.get(name, 0) > 0])


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
        remedies=_REMEDIES,
        evidence={"update": ratio, "highest": float(course.curve.max()), "gain": course.gain},
    )


def _without_gradient(stream: Stream) -> Finding:
    course, ratio, grown = stream.course, stream.largest_update, _growth(stream)
    start, now = reach(stream.first), _reach_now(stream)
    return RULE.finding(
        course.harm(),
        f"steps are too large: an update was {ratio:.2g} of its weights, and the gradient hardly "
        "reaches the first layer any more",
        step=stream.first.step,
        measured=f"largest update over weights {ratio:.2g}; the weights grew {fold(grown)}; the "
        f"first layer's gradient went from {start:.2g} to {now:.2g} of the last layer's; {course}",
        expected="updates of about 1e-3 of the weights, and a gradient that keeps its reach",
        certainty="exact, on recorded steps",
        causes=("lr_too_high", "vanishing"),
        remedies=_REMEDIES,
        evidence={"update": ratio, "grown": grown, "reach": now, "gain": course.gain},
    )


_REMEDIES = (
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


def _faded(
    losses: Sequence[float], *, from_start: bool = False, growth: float = 1, left: float = 1e-9
) -> Trace:
    """A gradient that reaches the first layer no longer after the first step, or never did."""
    graph = example.chain("linear", "relu", "linear", "relu", "linear/1", "mse_loss", batch=32)
    sizes = {True: (left, 1e-4, 1.0), False: (1.0, 1.0, 1.0)}
    shots = []
    for shot in _example(losses).snapshots:
        weight = 0.5 * (growth if shot.step > 0 else 1)
        known = example.weights(graph, weight_rms=weight, update_rms=0.3 * weight)
        read = example.with_gradients(known, sizes[from_start or shot.step > 0])
        loss = shot.loss and replace(shot.loss, site=5)
        shots.append(replace(shot, graph=graph, parameters=tuple(read), loss=loss))
    return example.trace(*shots, losses=losses)


_RESTS = [*([1.0] * 60), *([0.95] * 100)]
_UP = [1.0, 3.0, *([9.0] * 58), *([4.0] * 60)]
_FITS = list(np.geomspace(1, 0.01, 160))
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
its start and against a constant prediction. Or, where the loss stays, what the steps have done:
weights that are a multiple of what they were, and a tenth of the gradient, or less, that still
reaches the first layer. It alarms only if the fit stays weak.
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
    thresholds={
        "update": LARGE_UPDATE,
        "jump": JUMP,
        "lost": LOST,
        "window": WINDOW,
        "faded": FADED_GRADIENT,
        "fell": FELL,
        "grew": GREW,
    },
    explains=(
        "loss-diverges",
        "loss-oscillates",
        "loss-flat",
        "exploding-gradient",
        "non-finite-origin",
        "dead-units",
        "saturated-units",
        "constant-output",
        "vanishing-gradient",
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
        Case("it took the gradient away", lambda: _faded(_UP), Severity.ERROR),
        Case("near miss: there was no gradient before", lambda: _faded(_UP, from_start=True), None),
        Case(
            "the loss rests, the weights grew, and the gradient is gone",
            lambda: _faded(_RESTS, growth=5),
            Severity.WARNING,
        ),
        Case("near miss: weights that did not grow", lambda: _faded(_RESTS), None),
        Case(
            "near miss: a gradient that still arrives",
            lambda: _faded(_RESTS, growth=5, left=0.1),
            None,
        ),
        Case("near miss: gone, and it learns", lambda: _faded(_FITS, growth=5), None),
        Case("near miss: it recovers", lambda: _example(_CATAPULT), None),
        Case("near miss: small updates", lambda: _example(_UP, update=0.01), None),
        Case("near miss: weights that start too large", lambda: _example(_UP, weight=9.0), None),
        Case("large steps at the end of learning", lambda: _example([0.1] * 120), None),
        Case("readings missing: no updates", lambda: example.unread(_example(_UP)), None),
    ),
)
