"""OPT002: the steps are too small: the weights hardly move in the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold, suspects
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import (
    CALIBRATED,
    ENOUGH_STEPS,
    FALLING,
    JUDGED,
    LITTLE_TRAVEL,
    NOTHING,
    PATIENCE,
    SURE,
    USUAL_UPDATE,
)
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

CRAWL = Threshold(0.05, "sum of update over weights called short in any run", CALIBRATED)
CREEPING_WAY = Threshold(1.0, "sum of update over weights: their own size", "arithmetic: once over")
START = Threshold(0.1, "share of the baseline that random weights may reach", CALIBRATED)

OTHERS = (
    suspects.without_steps,
    suspects.unscaled_input,
    suspects.unscaled_target,
    suspects.silent_layer,
    suspects.saturated_layer,
    suspects.faded_gradient,
    suspects.no_gradient,
)
"""What makes steps small by itself, or the way long: these lead where they are in evidence."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; several losses in turn (a GAN) have no level to judge by."""
    if not stream.is_alone or stream.course.steps < JUDGED or not _is_slow(stream):
        return
    elsewhere = stream.is_raw or suspects.evident(stream, OTHERS)
    if not elsewhere and not _improves_enough(stream):
        yield _finding(stream)


def _is_slow(stream: Stream) -> bool:
    """A short way; or a longer one on which the loss only creeps, though the network could learn.

    A linear network that comes to rest on what it cannot fit creeps as well.
    """
    course, way = stream.course, stream.travel
    if not stream.largest_update > 0 and not suspects.is_stepped(stream):
        return False
    if way < LITTLE_TRAVEL:
        return True
    patient = course.steps >= PATIENCE and way < CREEPING_WAY
    creeping = patient and course.creeps and stream.bends
    return creeping or suspects.creeps_in_small_steps(stream)


def _improves_enough(stream: Stream) -> bool:
    """Clearly better than a constant prediction, or (where that is unknown) than at the start.

    A gain within its error counts only if outputs and targets go together: few recorded targets
    make the level of a constant uncertain. Weights that stay where they were drawn have learned
    nothing: a small gain is then what they started with.
    """
    course, related = stream.course, stream.course.correlates()
    if not np.isfinite(course.gain):
        return course.end < (1 - NOTHING) * course.start
    least = START if stream.travel < CRAWL and not related else NOTHING
    return course.gain > least and (related or not course.gain < SURE * course.gain_error)


def _finding(stream: Stream) -> Finding:
    course, way, ratio = stream.course, stream.travel, stream.largest_update
    falling = course.fall > FALLING
    still = course.steps >= PATIENCE or way < CRAWL
    steps = counted(course.cycles or course.steps, "step")
    return RULE.finding(
        Severity.WARNING if still and course.steps >= ENOUGH_STEPS else Severity.NOTE,
        f"the weights hardly move: {way:.2g} of their size in {steps}"
        if way < CREEPING_WAY
        else f"steps of at most {ratio:.1g} of the weights, and the loss only creeps in {steps}",
        step=stream.first.step,
        measured=f"largest update over weights {ratio:.2g}, all updates together {way:.2g}; "
        + ("the loss falls steadily; " if falling else "")
        + str(course),
        expected="updates of about 1e-3 of the weights; a way of at least their own size",
        certainty="an upper bound: updates of recorded steps, added up in between",
        causes=("lr_too_low", "too_few_epochs"),
        remedies=(
            Remedy(
                "Raise the learning rate tenfold, twice if need be.",
                "for group in optimizer.param_groups:\n    group['lr'] *= 10",
                edit="scale-rate",
            ),
            Remedy("Or train for longer.", "epochs *= 10", edit="train-longer"),
        ),
        evidence={"way": way, "update": ratio, "gain": course.gain, "fall": course.fall},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float],
    *,
    update: float = 1e-5,
    rms: float = 1.0,
    uneven: float = 0.0,
    correlation: float = float("nan"),
) -> Trace:
    """Targets are `uneven` larger and smaller in turn from one recorded batch to the next."""
    scales = (rms * (1 + uneven), rms * (1 - uneven))
    return example.regression(losses, update=update, correlation=correlation, scales=scales)


def _only_the_last_layer(known: Trace) -> Trace:
    """The first layer is in no optimizer."""
    first = replace(known.snapshots[0].parameters[0], optimized=False, update_rms=0.0)
    shots = (replace(s, parameters=(first, *s.parameters[1:])) for s in known.snapshots)
    return replace(known, snapshots=tuple(shots))


_CREEPING = list(np.linspace(1.20, 1.19, 300))
_SLOW = list(np.linspace(1.002, 1.001, 3000))
_RESTING = list(1.001 + 0.001 * np.exp(-np.arange(3000) / 600))
_NOISY = list(_CREEPING + 0.1 * np.random.default_rng(0).standard_normal(300))

RULE = Rule(
    code="OPT002",
    name="rate-too-low",
    title="The weights hardly move in the whole run",
    why="Training can go no further than its steps reach: many tiny ones that sum up to a small "
    "part of the weights leave the network where it was drawn. The loss falls steadily all the "
    "while and looks as if everything were in order.",
    sees="""
Updates that together amount to a small part of the weights, and a fit that is no better for it; or
a loss that falls without a break and is no better than a constant prediction after a long way of
small steps. The rate itself is not judged, only how far it carries the weights.
""",
    evidence="""
The sum of update over weight over all steps, interpolated between the recorded ones: an upper bound
of the way. None of some 240 programs that learned from random weights went less than a fifth of
their size. A longer way counts where no update reached a thousandth of the weights, and the loss
falls at an even pace, after all that time at the level of a constant prediction.
""",
    ignore="""
A pretrained network, or one with a good start, learns while its weights hardly move: it is silent
as long as the fit is good. Where most weights get no step at all, the gradient itself is missing or
faded, units are silent or the input is raw, those are the cause and this rule says nothing.
""",
    references=(
        "A. Karpathy, CS231n notes: ratio of weight updates to weights, about 1e-3",
        "TheDeepChecker (Ben Braiek & Khomh 2023): updates below 1e-4 of the weights",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={
        "steps": JUDGED,
        "sure": ENOUGH_STEPS,
        "long": PATIENCE,
        "way": LITTLE_TRAVEL,
        "crawl": CRAWL,
        "creeping_way": CREEPING_WAY,
        "start": START,
        "usual": USUAL_UPDATE,
        "gain": NOTHING,
        "fall": FALLING,
    },
    explains=("loss-flat", "stopped-early", "labels-unrelated", "one-sided-inputs"),
    cases=(
        Case("creeping", lambda: _example(_CREEPING), Severity.WARNING),
        Case("creeping in a short run", lambda: _example(_CREEPING[:60]), Severity.WARNING),
        Case(
            "creeping below an uncertain constant",
            lambda: _example(_CREEPING, uneven=0.6),
            Severity.WARNING,
        ),
        Case(
            "near miss: the same, but outputs and targets go together",
            lambda: _example(_CREEPING, uneven=0.6, correlation=0.9),
            None,
        ),
        Case("near miss: it learns", lambda: _example(list(np.geomspace(1, 0.3, 300))), None),
        Case("near miss: raw targets", lambda: _example(_CREEPING, rms=1000.0), None),
        Case("near miss: few steps so far", lambda: _example(_CREEPING[:30]), None),
        Case(
            "creeping, the way a little longer",
            lambda: _example(_CREEPING, update=1e-3),
            Severity.WARNING,
        ),
        Case(
            "creeping at an even pace for a long way of small steps",
            lambda: _example(_SLOW, update=5e-4),
            Severity.WARNING,
        ),
        Case("near miss: the same, coming to rest", lambda: _example(_RESTING, update=5e-4), None),
        Case("near miss: the same in usual steps", lambda: _example(_SLOW, update=2e-3), None),
        Case(
            "near miss: the same way on a noisy loss", lambda: _example(_NOISY, update=1e-3), None
        ),
        Case("near miss: no step at all", lambda: _example(_CREEPING, update=0.0), None),
        Case(
            "near miss: most of the weights are in no optimizer",
            lambda: _only_the_last_layer(_example(_CREEPING)),
            None,
        ),
        Case("healthy updates", lambda: _example(_CREEPING, update=1e-2), None),
        Case("readings missing: no updates", lambda: example.unread(_example(_CREEPING)), None),
    ),
)
