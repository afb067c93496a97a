"""OPT008: training ended while the loss was still falling fast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold, suspects
from lifesigns.evidence.course import ENTROPIES
from lifesigns.evidence.course_in_words import length, rounded
from lifesigns.evidence.thresholds import (
    CALIBRATED,
    ENOUGH_STEPS,
    FALLING,
    JUDGED,
    LARGE_UPDATE,
    LEARNED,
    NOTHING,
    PATIENCE,
    RANKS,
    SMALL_UPDATE,
    SURE_STEPS,
    USUAL_UPDATE,
)
from lifesigns.records import Finding, Quantity, Remedy, RunInfo, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

HANDFUL = Threshold(5, "steps of a run that only tries whether the program works", "definition")
SAME = Threshold(3, "recorded steps with the same targets that are no accident", "definition")
FEWEST = Threshold(10, "steps of a finished run that was meant to train", "definition")
PACE = Threshold(0.05, "share of the level taken off by the last fifth", CALIBRATED)
RISE = Threshold(1.5, "end over start from which a loss rises", CALIBRATED)

OTHERS = (
    suspects.unscaled_input,
    suspects.unscaled_target,
    suspects.large_weights,
    suspects.silent_layer,
    suspects.saturated_layer,
    suspects.faded_gradient,
    suspects.no_gradient,
)
"""What keeps a network from learning however long it is trained."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; several losses in turn (a GAN) have no level to judge by.

    A loss that ran away and falls again is not short of steps.
    """
    course = stream.course
    if not stream.is_alone or course.diverged:
        return
    begun = _hardly_begun(stream)
    if course.steps >= JUDGED and _falls_fast(course):
        yield _finding(stream, _alarms(stream) or (begun and _is_complete(stream)))
    elif begun:
        yield _finding(stream, _is_complete(stream))
    elif course.steps < PATIENCE and course.creeps and _moves(stream) and not _is_held_up(stream):
        alarming = stream.bends and course.steps >= SURE_STEPS
        yield _finding(stream, alarming)


def _is_held_up(stream: Stream) -> bool:
    """Whether something else keeps it from learning, for which more steps would be no remedy."""
    return bool(suspects.evident(stream, OTHERS))


def _falls_fast(course: Course) -> bool:
    """By a share of what is left and, where little is, of all there was to learn."""
    return course.fall > FALLING and _pace(course) > PACE and _gained(course) > LEARNED


def _alarms(stream: Stream) -> bool:
    """Nothing learned yet, in steps of a healthy size, and outputs on their way to the targets.

    A classifier that ranks well is there already, however unsure of it: its loss lags behind.
    """
    course = stream.course
    ranks = course.kind in ENTROPIES and course.correlation > RANKS
    return course.gain < NOTHING and course.correlates() and _moves(stream) and not ranks


def _moves(stream: Stream) -> bool:
    return stream.largest_update > USUAL_UPDATE


def _hardly_begun(stream: Stream) -> bool:
    """Too few steps for any trend, none too large, and nothing learned by then."""
    course = stream.course
    few = HANDFUL < course.steps < ENOUGH_STEPS and course.ends_finite
    healthy = stream.largest_update < LARGE_UPDATE and not course.rose(RISE)
    nothing = course.gain < NOTHING and not course.correlation > RANKS
    return few and healthy and nothing and not _is_held_up(stream)


def _is_complete(stream: Stream) -> bool:
    """The script has ended, and was meant to train: more steps than a trial, or all data each."""
    enough = stream.course.steps >= FEWEST or _repeats_its_batch(stream)
    return stream.trace.info.outcome == "finished" and enough


def _repeats_its_batch(stream: Stream) -> bool:
    """Whether the targets of all recorded steps, `SAME` at least, have the same sums."""
    sums = [reading.target.sums for reading in stream.readings if reading.target]
    alike = [
        np.allclose(own.mean, sums[0].mean, rtol=1e-5) and own.count[0] == sums[0].count[0]
        for own in sums
    ]
    return len(alike) >= SAME and all(alike)


def _pace(course: Course) -> float:
    """Share of the level that the last fifth of the run took off; 0 of a loss that crosses 0."""
    before, last = _last_levels(course)
    return (before - last) / abs(before) if before else 0.0


def _gained(course: Course) -> float:
    """The same as a share of a constant prediction's loss; of the start where that is unknown."""
    before, last = _last_levels(course)
    whole = course.baseline if course.baseline > 0 else abs(course.start)
    return (before - last) / whole if whole > 0 else 0.0


def _last_levels(course: Course) -> tuple[float, float]:
    """The means of the last two fifths; 0 of a loss that crosses 0, or is too short for them."""
    fifth = max(5, course.steps // 5)
    before, last = course.curve[-2 * fifth : -fifth], course.curve[-fifth:]
    if not len(before) or course.crosses_zero:
        return 0.0, 0.0
    return float(before.mean()), float(last.mean())


def _finding(stream: Stream, alarming: bool) -> Finding:
    course, pace = stream.course, _pace(stream.course)
    causes = ("too_few_epochs", "lr_too_low")
    trend = f"slope over the last two fifths {course.fall:.1f} standard errors downward"
    return RULE.finding(
        Severity.WARNING if alarming else Severity.NOTE,
        f"stopped while the loss still fell: {pace:.1%} in the last fifth of {length(course)}"
        if course.fall > FALLING and not course.crosses_zero
        else f"stopped after {length(course)}, before anything was learned: {_needed(course)}",
        step=int(stream.steps[-1]),
        measured=f"{trend}; {course}" if course.judged else str(course),
        expected="a loss that has levelled off",
        certainty=f"the fall is {course.fall:.1f} standard errors from none"
        if course.judged
        else f"{length(course)} show no trend",
        causes=causes[::-1] if stream.largest_update < SMALL_UPDATE else causes,
        remedies=(
            Remedy("Train for longer.", "epochs *= 5", edit="train-longer"),
            Remedy(
                "Or take larger steps.",
                "for group in optimizer.param_groups:\n    group['lr'] *= 3",
                edit="scale-rate",
            ),
        ),
        evidence={"pace": pace, "fall": course.fall, "gain": course.gain},
    )


def _needed(course: Course) -> str:
    """How many steps it would take."""
    if course.arrives or 0 < course.steps_left < PATIENCE:
        return f"as it falls now, that takes about {rounded(course.steps + course.steps_left)}"
    return f"{PATIENCE:g} would tell"


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *, correlation: float = 0.5, update: float = 1e-2) -> Trace:
    return example.regression(losses, update=update, correlation=correlation)


def _ended(losses: Sequence[float], *, update: float = 1e-2) -> Trace:
    """The same, known to be complete; outputs and targets do not go together yet."""
    trace = _example(losses, correlation=0, update=update)
    return replace(trace, info=RunInfo(outcome="finished"))


def _faded(losses: Sequence[float]) -> Trace:
    """As `_example`, of a network of three layers whose first one gets next to no gradient."""
    graph = example.chain("linear", "relu", "linear", "relu", "linear/1", "mse_loss", batch=32)
    known = example.weights(graph, weight_rms=0.5, update_rms=5e-3)
    read = tuple(example.with_gradients(known, (1e-6, 1e-3, 1.0)))
    trace = _example(losses, correlation=0)
    shots = (
        replace(s, graph=graph, parameters=read, loss=s.loss and replace(s.loss, site=5))
        for s in trace.snapshots
    )
    return replace(trace, snapshots=tuple(shots))


def _tried(losses: Sequence[float]) -> Trace:
    """The same on other targets in each step."""
    trace = example.regression(
        losses,
        update=1e-2,
        correlation=0.0,
    )
    shots = tuple(
        replace(shot, loss=replace(shot.loss, target=example.target([[-1.0], [1.0 + shot.step]])))
        for shot in trace.snapshots
        if shot.loss
    )
    return replace(trace, snapshots=shots, info=RunInfo(outcome="finished"))


_ABOVE = list(np.linspace(9, 1.5, 60))
_RETURNING = [1.2] * 20 + list(np.geomspace(900, 9, 60))
_LEARNT = list(np.geomspace(1, 0.05, 60) ** 2)
_CREEPING = list(np.linspace(1.2, 1.15, 150))
_FEW = [1.1, 1.2, 1.0, 1.1] * 3


def _ranking(correlation: float) -> Trace:
    """As `_example`, of a loss of classes whose outputs correlate with the targets."""
    known = _example(_ABOVE, correlation=correlation)
    shots = (
        replace(s, loss=s.loss and replace(s.loss, kind="binary_cross_entropy"))
        for s in known.snapshots
    )
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="OPT008",
    name="stopped-early",
    title="Training ended while the loss was still falling fast",
    why="What a network can do shows only once its loss has levelled off. Stopped before, it is "
    "judged by how long it was trained and not by what it is.",
    sees="""
A run whose last steps still took a good part off the loss, or one of a few steps in all. It is
worth knowing in any run, and the reason of a weak fit in a short one.
""",
    evidence="""
The slope over the last two fifths of the run in standard errors of its noise, and what the last
fifth took off: a share of the level, and of what a constant prediction reaches. It alarms only if
the fit is no better than a constant, the updates are of a healthy size, no layer is silent or flat
and no gradient has faded, and outputs and targets already go together or the loss falls without a
break. A run of a few dozen steps shows no trend: it alarms once it has finished, if nothing was
learned and nothing else is in evidence. Fewer than ten steps may be a trial of the program: they
alarm only if each of them saw the same targets, as where one batch holds all data. A classifier
whose outputs rank well is no alarm, however high its loss.
""",
    ignore="""
As long as the fit is good it is a note: nobody has to train to the end. Most losses fall as long as
they are trained: a tenth of the little that is left is not mentioned. Where the weights hardly
move, rate-too-low comes first, for more steps of that size would not be enough.
""",
    references=(
        "Prechelt 1998, Early Stopping - But When?",
        "Humbatova et al. 2020, Taxonomy of Real Faults: too few epochs",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={
        "steps": JUDGED,
        "handful": HANDFUL,
        "fewest": FEWEST,
        "same": SAME,
        "sure": ENOUGH_STEPS,
        "creeping": SURE_STEPS,
        "long": PATIENCE,
        "fall": FALLING,
        "pace": PACE,
        "gained": LEARNED,
        "gain": NOTHING,
        "update": USUAL_UPDATE,
        "small": SMALL_UPDATE,
        "rise": RISE,
    },
    explains=("loss-flat", "labels-unrelated"),
    cases=(
        Case("falling, not yet below a constant", lambda: _example(_ABOVE), Severity.WARNING),
        Case("the same, a few steps more", lambda: _example(_ABOVE + [1.4] * 3), Severity.WARNING),
        Case("falls without a break", lambda: _example(_CREEPING, correlation=0), Severity.WARNING),
        Case(
            "near miss: the same, but soon", lambda: _example(_CREEPING[:60], correlation=0), None
        ),
        Case("a dozen steps in all", lambda: _ended(_FEW), Severity.WARNING),
        Case("six steps on all data", lambda: _ended(_FEW[:6]), Severity.WARNING),
        Case("near miss: six steps, each on other data", lambda: _tried(_FEW[:6]), None),
        Case("near miss: a handful of steps", lambda: _ended(_FEW[:5]), None),
        Case("a dozen tiny steps", lambda: _ended(_FEW, update=1e-5), Severity.WARNING),
        Case("near miss: a dozen steps so far", lambda: _example(_FEW, correlation=0), None),
        Case("near miss: a dozen steps that learn", lambda: _ended(_LEARNT[:12]), None),
        Case("near miss: a dozen steps too large", lambda: _ended(_FEW, update=0.5), None),
        Case("near miss: falling, but good already", lambda: _example(_LEARNT), None),
        Case("near miss: a classifier that ranks well already", lambda: _ranking(0.9), None),
        Case("near miss: outputs say nothing yet", lambda: _example(_ABOVE, correlation=0), None),
        Case("near miss: it ran away, and falls again", lambda: _example(_RETURNING), None),
        Case("near miss: its gradient has faded", lambda: _faded(_CREEPING), None),
        Case("near miss: tiny updates", lambda: _example(_ABOVE, update=1e-5), None),
        Case("levelled off", lambda: _example(_ABOVE + [1.5] * 60), None),
        Case("readings missing: no loss", lambda: example.unread(_example(_ABOVE)), None),
    ),
)
