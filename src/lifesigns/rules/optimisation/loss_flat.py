"""OPT003: after many steps the fit is no better than a constant prediction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifesigns.evidence import Course, Stream
from lifesigns.evidence.course_in_words import further, length, unit
from lifesigns.evidence.courses import RISK_SETS
from lifesigns.evidence.flat import Flat, flat, reasons
from lifesigns.evidence.thresholds import (
    ALIVE,
    BLURRED,
    ENOUGH_STEPS,
    FALLING,
    LEARNED,
    PATIENCE,
    RELATED,
    RESOLVED,
    SURE_STEPS,
)
from lifesigns.records import (
    BatchReading,
    Finding,
    Kind,
    Quantity,
    Severity,
    SiteReading,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream."""
    found = flat(stream)
    if found is not None:
        yield _finding(stream, found)


def _finding(stream: Stream, found: Flat) -> Finding:
    course, shown = stream.course, reasons(stream, found)
    known = np.isfinite(course.gain)
    return RULE.finding(
        found.severity,
        _symptom(course, found),
        step=0,
        measured="; ".join((_measured(course), *(s.evidence for s in shown))),
        expected="a loss below that of a constant prediction by more than its error"
        if known
        else "a loss that falls, or outputs that correlate with the targets",
        certainty=_certainty(course),
        causes=tuple(dict.fromkeys(s.cause for s in shown)),
        remedies=tuple(s.remedy for s in shown),
        evidence={
            "end": course.end,
            "baseline": course.baseline,
            "gain": course.gain,
            "gain_error": course.gain_error,
            "fall": course.fall,
            "correlation": course.correlation,
        },
    )


def _symptom(course: Course, found: Flat) -> str:
    level = "a constant prediction" if np.isfinite(course.gain) else "at the start"
    text = f"after {length(course)} the fit is {'no' if found.nothing else 'hardly'} better"
    text += f" than {level}" + (", though it still falls" if course.falling else "")
    short = found.severity is Severity.NOTE and course.steps < PATIENCE
    return text + (f": too short to tell, {PATIENCE:g} would" if short else "")


def _measured(course: Course) -> str:
    text = f"{course}; standard error of its end {course.end_error:.2g}"
    if np.isfinite(course.correlation):
        text += f"; prediction and target correlate at {course.correlation:.2f}"
    return text


def _certainty(course: Course) -> str:
    slope = f"slope over the last 40 % of the run: {course.fall:.1f} standard errors downward"
    if course.falling:
        left = course.steps_left
        when = f"after {further(left, unit(course))}" if np.isfinite(left) else "never"
        slope += f"; as it falls now, {when} clearly below that level"
    if not np.isfinite(course.gain_error):
        return slope
    return f"gain {course.gain:.1%} ± {2 * course.gain_error:.1%} (two standard errors); {slope}"


# --- cases ----------------------------------------------------------------------------------------
STEPS = 300


def _example(
    losses: Sequence[float],
    *,
    kind: str = "squared_error",
    correlation: float = 0.0,
    operations: Sequence[str] = ("linear", "relu", "linear/1"),
    hidden: UnitSums | None = None,
    gradients: Sequence[float] = (0.1, 0.1),
    coherence: float = 0.3,
    **batch: Any,
) -> Trace:
    """Targets ±1, half of each: a constant prediction has squared error 1, cross-entropy 0.69."""
    graph = example.chain(*operations, "mse_loss", batch=64)
    sizes = {"weight_rms": 0.1, "update_rms": 1e-4, "sign_coherence": coherence}
    readings = example.weights(graph, gradient_is_zero=not any(gradients), **sizes)
    wanted = np.tile([[-1.0], [1.0]], (32, 1))
    if "cross_entropy" in kind:
        target = example.target((wanted + 1) / 2, classes=2)
    else:
        target = example.target(wanted)
    return example.fitting(
        graph,
        losses,
        0.1 * wanted,
        target,
        steps=(0, 1, 2, 4, 8, 50, 100, 150, -1),
        sites=[SiteReading(1, hidden)] if hidden else [],
        parameters=example.with_gradients(readings, gradients),
        batch=BatchReading((64, 4), example.sums(batch.get("x", np.ones((64, 4))))),
        kind=kind,
        correlation=correlation,
    )


def _dropped(share: float, correlation: float = 0.0, **around: float) -> Trace:
    """A flat loss behind a dropout of this share."""
    operations = ("linear", "relu", "dropout", "linear/1")
    varied = np.random.default_rng(0).standard_normal((64, 4))
    known = _example(_around(**around), operations=operations, correlation=correlation, x=varied)
    graph = known.snapshots[0].graph
    sites = tuple(
        example.with_details(site, p=share) if site.kind is Kind.DROPOUT else site
        for site in graph.sites
    )
    shots = (replace(shot, graph=replace(graph, sites=sites)) for shot in known.snapshots)
    return replace(known, snapshots=tuple(shots))


def _mostly_still() -> Trace:
    """A flat loss of a network whose first layer is in no optimizer."""
    known = _example(_around(1))
    first = replace(known.snapshots[0].parameters[0], optimized=False, update_rms=0.0)
    shots = (replace(s, parameters=(first, *s.parameters[1:])) for s in known.snapshots)
    return replace(known, snapshots=tuple(shots))


def _ranking(end: float) -> Trace:
    """Cox's likelihood, which begins at 4."""
    losses = [4.0] * 20 + _around(end)
    trace = _example(losses, kind="other", correlation=math.nan)
    return example.marked(trace, {RISK_SETS: 1.0})


def _unknown(losses: Sequence[float]) -> Trace:
    """A loss that was not recognised."""
    return example.without(_example(losses), [Quantity.LOSS])


def _around(level: float = 1.0, noise: float = 0.03) -> list[float]:
    return list(level + noise * np.random.default_rng(0).standard_normal(STEPS))


_OUTLIERS = {"level": 1.1, "noise": 1.5}

RULE = Rule(
    code="OPT003",
    name="loss-flat",
    title="The fit is no better than a constant prediction",
    why="A network that ignores its input can still predict the mean or the class frequencies. "
    "As long as the loss is no lower than that, nothing has been learned from the input.",
    sees="""
Any network quickly learns the best *constant*: the mean of the targets, or the frequencies of the
classes. The loss at that point is known from the targets alone: their variance for squared error,
their entropy for cross-entropy. A loss that stays there is flat however lively its curve may
look, and however steadily it falls if that leads nowhere. After hundreds of steps, hardly less is
as good as nothing. Where the level is not known, the loss is compared with its start.
""",
    evidence="""
The mean of the last fifth of all losses, penalties subtracted, is compared with the loss of the
best constant prediction on the recorded targets; the standard error counts the noise of both. The
gain must exceed two of them, or three where outputs and targets are known not to correlate. Quiet
if the loss is on its way below that level, within ten times the run as its last fifths fall, and
for cross-entropy if outputs and targets clearly correlate (a few confident errors can hide a good
classifier). Where the loss is not recognised, a level trend and outputs uncorrelated with the
targets are needed. A likelihood of who comes first, as Cox's, falls by little however well it fits:
any fall beyond its noise will do.

A fit that is hardly better is a warning, from 250 steps on. Not of losses that oppose each other,
that cross 0 (a reward is the goal) or whose targets move, nor of one that fell by much in its first
tenth: a simple fit is found that early.

The causes come with their own evidence: steps that never come, the scale of the input, the size of
the updates, silent or saturated layers, a gradient that fades, a layer whose inputs have one sign.
If all of these look healthy for long enough, and outputs and targets do not correlate, inputs and
labels probably do not belong together.
""",
    ignore="""
In short runs: before 250 steps it is only a note unless one of those causes is in evidence, for a
healthy network may rest at that level for a while. It is a warning rather than an error while the
loss still falls, or where the interval leaves doubt; and a note where outliers in the loss hide
what outputs that correlate with the targets have learned.
""",
    references=(
        "Karpathy 2019, A Recipe for Training Neural Networks: the input-independent baseline",
        "Miller 1955, Note on the Bias of Information Estimates",
    ),
    reads=frozenset(
        {
            Quantity.ACTIVATIONS,
            Quantity.PARAMETERS,
            Quantity.UPDATES,
            Quantity.COHERENCE,
            Quantity.BATCH,
            Quantity.LOSS,
        }
    ),
    check=check,
    thresholds={
        "steps": ENOUGH_STEPS,
        "sure_steps": SURE_STEPS,
        "patience": PATIENCE,
        "gain": RESOLVED,
        "fall": FALLING,
        "deviation": ALIVE,
        "improved": LEARNED,
        "correlation": RELATED,
        "blurred": BLURRED,
    },
    # what explains a flat loss explains away what is suspected by elimination
    explains=("labels-unrelated",),
    cases=(
        Case("flat at chance", lambda: _example(_around(1.0)), Severity.ERROR),
        Case("fell to chance and stays", lambda: _example([9.0] * 9 + _around(1)), Severity.ERROR),
        Case("raw inputs", lambda: _example(_around(1), x=np.full((64, 4), 1e3)), Severity.ERROR),
        Case(
            "inputs of one sign",
            lambda: _example(_around(1.0), hidden=example.sums(np.ones((64, 4))), coherence=0.9),
            Severity.ERROR,
        ),
        Case(
            "classes at chance",
            lambda: _example(_around(0.694, 0.002), kind="cross_entropy"),
            Severity.ERROR,
        ),
        Case(
            "falling, but far above chance",
            lambda: _example(list(np.linspace(9, 4, STEPS))),
            Severity.WARNING,
        ),
        Case(
            "unknown loss, unrelated outputs",
            lambda: _example(_around(1), kind="other"),
            Severity.ERROR,
        ),
        Case(
            "learning", lambda: _example(list(np.geomspace(1, 0.1, STEPS)), correlation=0.9), None
        ),
        Case(
            "near miss: slow, but learning",
            lambda: _example(list(np.linspace(1.02, 0.97, STEPS))),
            None,
        ),
        Case("hardly better", lambda: _example(_around(0.97)), Severity.WARNING),
        Case("near miss: hardly better so far", lambda: _example(_around(0.97)[:200]), None),
        Case(
            "falls, but comes to rest",
            lambda: _example(list(0.999 + 0.05 * np.exp(-np.arange(STEPS) / 60))),
            Severity.WARNING,
        ),
        Case(
            "near miss: gathers pace on a plateau",
            lambda: _example(list(0.999 - 1e-3 * np.exp(np.arange(STEPS) / 60))),
            None,
        ),
        Case(
            "an unknown loss stays where it was",
            lambda: _unknown(_around(1.0)),
            Severity.WARNING,
        ),
        Case("a ranking stays where it was", lambda: _ranking(4.0), Severity.WARNING),
        Case("near miss: a ranking falls by little", lambda: _ranking(3.9), None),
        Case("near miss: it crosses 0", lambda: _unknown(_around(0.01)), None),
        Case(
            "near miss: it settled early",
            lambda: _unknown([2.0, 1.8, 1.5, 1.2, *_around(1.0)]),
            None,
        ),
        Case("not about to stop", lambda: _example(list(np.linspace(1.02, 0.985, STEPS))), None),
        Case("no cause in evidence, few steps", lambda: _example(_around(1)[:120]), Severity.NOTE),
        Case(
            "raw inputs, few steps",
            lambda: _example(_around(1)[:120], x=np.full((64, 4), 1e3)),
            Severity.ERROR,
        ),
        Case(
            "outliers blur the loss of outputs that correlate with the targets",
            lambda: _dropped(0.95, correlation=0.34, **_OUTLIERS),
            Severity.NOTE,
        ),
        Case("outliers blur the loss", lambda: _dropped(0.95, **_OUTLIERS), Severity.WARNING),
        Case("few steps", lambda: _example(_around(1)[:30]), None),
        Case(
            "nothing but linear layers",
            lambda: _example(_around(1), operations=("linear", "linear/1")),
            Severity.ERROR,
        ),
        Case(
            "a silent layer",
            lambda: _example(_around(1), hidden=example.sums(np.zeros((64, 4)))),
            Severity.ERROR,
        ),
        Case(
            "a saturated layer",
            lambda: _example(
                _around(1),
                operations=("linear", "tanh", "linear/1"),
                hidden=example.sums(np.ones((64, 4)), saturated=np.ones((64, 4), bool)),
            ),
            Severity.ERROR,
        ),
        Case(
            "a gradient that fades",
            lambda: _example(
                _around(1),
                operations=("linear", "relu", "linear", "relu", "linear/1"),
                gradients=(1e-4, 1e-2, 1.0),
            ),
            Severity.ERROR,
        ),
        Case("most of the weights get no step", _mostly_still, Severity.ERROR),
        Case("no gradient", lambda: _example(_around(1), gradients=(0, 0)), Severity.ERROR),
        Case("a dropout of nearly everything", lambda: _dropped(0.99), Severity.ERROR),
        Case(
            "confident errors over a good ranking",
            lambda: _example([9.0] * 60 + _around(5.0), kind="cross_entropy", correlation=0.6),
            None,
        ),
        Case(
            "an untrained ranking far above chance",
            lambda: _example(_around(5.0), kind="cross_entropy", correlation=0.1),
            Severity.ERROR,
        ),
        Case(
            "unknown loss, related outputs",
            lambda: _example(_around(1), kind="other", correlation=0.5),
            None,
        ),
        Case(
            "readings missing: no targets, and few steps",
            lambda: example.unread(_example(_around(1)[:200])),
            None,
        ),
    ),
)
