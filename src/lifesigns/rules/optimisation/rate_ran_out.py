"""OPT020: a schedule took the learning rate away too early, or has not brought it yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.blocks import slope_score
from lifesigns.evidence.rates import Schedule, schedule_of
from lifesigns.evidence.thresholds import (
    CALIBRATED,
    ENOUGH_STEPS,
    FALLING,
    FITTED,
    HALF,
    JUDGED,
    PATIENCE,
    WEAK,
)
from lifesigns.records import Finding, Plateau, Quantity, RateCurve, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SPENT = Threshold(
    0.01,
    "rate over its highest, called spent",
    "two of the usual tenfold steps (He et al. 2016); a cosine is there for its last 6 %",
)
GONE = Threshold(
    1e-3, "rate over its highest, called gone", "arithmetic: a thousand steps make one of the first"
)
FAR = Threshold(
    0.1, "highest rate over the optimizer's own, called far below", "arithmetic: a tenfold step"
)
MOST = Threshold(0.75, "share of the steps with a rate that is gone", CALIBRATED)
IDLE = Threshold(0.5, "share of the steps with a rate that is spent", CALIBRATED)
SHORT_WAY = Threshold(1.0, "sum of update over weights: their own size", "arithmetic: once over")
NO_WAY = Threshold(
    0.1, "sum of update over weights on which no loss comes to rest", "arithmetic: a tenth"
)
TIMES = Threshold(4, "times a number was given to a schedule that waits for a plateau", "a course")
STEADY_SHARE = 0.4
"""Share of the steps before the rate was spent in which the loss is asked whether it fell."""


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding; several losses in turn (a GAN) have no level to judge by."""
    schedule = schedule_of(stream.trace)
    if schedule is None or not stream.is_alone or stream.course.steps < JUDGED:
        return
    if not schedule.peak > 0:
        yield _nothing(stream)
    elif _never_gets_there(stream, schedule):
        yield _far_below(stream, schedule)
    elif (spent := schedule.end(SPENT)) >= 0 and schedule.after(spent) > IDLE:
        given = stream.trace.plateau
        if given is not None and _waits_for_the_wrong_way(stream, given):
            yield _of_the_wrong_mode(stream, schedule, spent, given)
        elif not _had_come_to_rest(stream, spent):
            yield _spent(stream, schedule, spent)
    elif _still_warms_up(stream, schedule):
        yield _rising(stream, schedule)


def _never_gets_there(stream: Stream, schedule: Schedule) -> bool:
    """A rate far below the optimizer's own all the time, over weights that hardly moved."""
    is_far = schedule.peak < FAR * schedule.target
    return is_far and not schedule.only_rises and stream.travel < SHORT_WAY


def _had_come_to_rest(stream: Stream, spent: int) -> bool:
    """Whether the loss was level before: a schedule that waits for that is not the cause.

    One whose weights have hardly moved was level all along.
    """
    if stream.travel < NO_WAY:
        return False
    before = stream.course.curve[:spent]
    late = before[-max(1, round(len(before) * STEADY_SHARE)) :]
    return len(before) >= PATIENCE and not slope_score(late) > FALLING


def _waits_for_the_wrong_way(stream: Stream, given: Plateau) -> bool:
    """Whether what a schedule was given becomes better all the time the other way around."""
    if given.given < TIMES or not stream.course.learned:
        return False
    return _is_a_loss(stream, given) if given.rises else _is_a_score(given)


def _is_a_loss(stream: Stream, given: Plateau) -> bool:
    """About as large as the loss that is trained, and fell with it, never above the first."""
    loss = float(stream.losses[-1])
    falls = given.latest < given.first == given.highest
    return falls and 0 < HALF * loss < given.latest < loss / HALF


def _is_a_score(given: Plateau) -> bool:
    """Shares of one number of samples, which rose while the loss fell, never below the first."""
    return given.samples > 0 and given.latest > given.first == given.lowest


def _still_warms_up(stream: Stream, schedule: Schedule) -> bool:
    """A rate that rose to the end, far below its target, over weights that hardly moved."""
    little = not schedule.share_of_target > HALF and stream.travel < SHORT_WAY
    return little and schedule.only_rises


def _severity(stream: Stream, gone: bool) -> Severity:
    """By what was learned; a rate that is gone leaves the rest of the run without any effect."""
    course = stream.course
    far = course.gain < FITTED if np.isfinite(course.gain) else course.end > HALF * course.start
    wasted = gone and far and course.steps >= ENOUGH_STEPS and not course.opposed
    return course.harm(HALF, alarms=wasted)


def _spent(stream: Stream, schedule: Schedule, spent: int) -> Finding:
    gone = schedule.end(GONE)
    is_gone = gone >= 0 and schedule.after(gone) > MOST
    return RULE.finding(
        _severity(stream, is_gone),
        f"the learning rate ran out after {spent} of {stream.trace.steps} steps",
        step=0,
        measured=f"the rate is {schedule.peak:.2g} at its highest, below a hundredth of that from "
        f"step {spent} on, and {schedule.last:.2g} at the end; {stream.course}",
        expected="a rate that is spent when the training ends, not before",
        certainty="exact: the rates were read at every step",
        causes=("lr_too_low", "too_few_epochs"),
        remedies=(
            Remedy(
                "Step the schedule once an epoch, or count its lengths in steps.",
                "for epoch in range(epochs):\n    for x, y in loader:\n        train(x, y)\n"
                "    scheduler.step()",
            ),
            _LOOK,
        ),
        evidence={"peak": schedule.peak, "last": schedule.last, "spent": spent},
    )


def _of_the_wrong_mode(stream: Stream, schedule: Schedule, spent: int, given: Plateau) -> Finding:
    if given.rises:
        what = "the learning rate is cut while the loss falls: the schedule waits for it to rise"
        kind, remedy = "mode='max'", _LOWEST
    else:
        what = "the learning rate is cut while a score rises: the schedule waits for it to fall"
        kind, remedy = "mode='min'", _HIGHEST
    return RULE.finding(
        _severity(stream, True),
        what,
        step=spent,
        measured=f"ReduceLROnPlateau({kind}) was given {given.first:.3g} at first and "
        f"{given.latest:.3g} "
        f"later, and cut the rate from {schedule.peak:.2g} to {schedule.last:.2g}; {stream.course}",
        expected="a rate that is cut when the number no longer becomes better",
        certainty="exact: what the schedule was given, and the rates of every step",
        causes=("lr_too_low", "too_few_epochs"),
        remedies=(remedy, _LOOK),
        evidence={"first": given.first, "latest": given.latest, "spent": spent},
    )


def _far_below(stream: Stream, schedule: Schedule) -> Finding:
    return RULE.finding(
        _severity(stream, True),
        f"the schedule keeps the learning rate at {schedule.peak:.2g} and below, where the "
        f"optimizer has {schedule.target:.2g}",
        step=0,
        measured=f"the rate is {schedule.peak:.2g} at its highest, {schedule.target:.2g} was given "
        f"to the optimizer; all updates together {stream.travel:.2g} of the weights; "
        f"{stream.course}",
        expected="a highest rate of about what the optimizer was given",
        certainty="exact: the rates were read at every step",
        causes=("lr_too_low",),
        remedies=(
            Remedy(
                "Let the function of LambdaLR give a factor: it is multiplied by the rate.",
                "scheduler = torch.optim.lr_scheduler.LambdaLR(\n"
                "    optimizer, lambda epoch: rate(epoch) / base_rate)",
            ),
            _LOOK,
        ),
        evidence={"peak": schedule.peak, "target": schedule.target, "way": stream.travel},
    )


def _rising(stream: Stream, schedule: Schedule) -> Finding:
    course = stream.course
    little = course.gain < (FITTED if schedule.share_of_target < FAR else WEAK)
    target = f" of {schedule.target:.2g}" if schedule.target > 0 else ""
    return RULE.finding(
        course.harm(WEAK, alarms=little and course.steps >= ENOUGH_STEPS),
        f"the learning rate is still warming up after {stream.trace.steps} steps",
        step=0,
        measured=f"the rate rose from {schedule.rates[0]:.2g} to {schedule.last:.2g}{target} and "
        f"was still rising at the end; all updates together {stream.travel:.2g} of the weights; "
        f"{course}",
        expected="a warm-up that is over within the first tenth of the training",
        certainty="exact: the rates were read at every step",
        causes=("lr_too_low", "too_few_epochs"),
        remedies=(
            Remedy(
                "Shorten the warm-up to a part of the training, in the unit the schedule counts.",
                "warmup = steps // 20\nscheduler = torch.optim.lr_scheduler.LinearLR("
                "optimizer, 0.01, 1.0, warmup)",
            ),
        ),
        evidence={"last": schedule.last, "target": schedule.target, "way": stream.travel},
    )


def _nothing(stream: Stream) -> Finding:
    return RULE.finding(
        Severity.ERROR,
        "the learning rate is 0",
        step=0,
        measured=f"every group of every optimizer has a rate of 0 in all {stream.trace.steps} "
        f"steps; {stream.course}",
        expected="a rate above 0",
        certainty="exact: the rates were read at every step",
        causes=("lr_too_low", "frozen"),
        remedies=(
            Remedy(
                "Set a rate; a schedule that divides whole numbers may give 0.",
                "optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)",
            ),
        ),
    )


_LOWEST = Remedy(
    "Let a schedule that is given a loss wait for the lowest: mode='max' is for scores.",
    "scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode='min')",
    edit="turn-plateau",
)
_HIGHEST = Remedy(
    "Let a schedule that is given a score wait for the highest: mode='min' is for losses.",
    "scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode='max')",
    edit="turn-plateau",
)
_LOOK = Remedy("Look at the rate while it trains.", "print(step, optimizer.param_groups[0]['lr'])")


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Iterable[float],
    rates: Sequence[float],
    *,
    update: float = 1e-3,
    target: float = np.nan,
    correlation: float = np.nan,
) -> Trace:
    """A run whose rate is `rates` at equal distances."""
    known = example.regression(list(losses), update=update, correlation=correlation)
    steps = np.linspace(0, known.steps, len(rates), endpoint=False).astype(int)
    curve = RateCurve(steps, np.zeros(len(rates), int), np.array(rates, float), np.array([target]))
    return replace(known, rates=curve)


_HALF_WAY = [*np.geomspace(1.2, 0.7, 20), *[0.7] * 280]
_LEVEL = list(1 + 0.01 * np.sin(np.arange(600)))
_AT_REST = [*np.geomspace(1.2, 0.3, 60), *[0.3] * 540]
_CUTS = [0.1] * 22 + [1e-5] * 28


def _waiting(latest: float, *, first: float = 0.9, rises: bool = True, samples: int = 0) -> Trace:
    """A loss that came to rest before the rate was gone, and what a plateau schedule was given."""
    known, (low, high) = _example(_AT_REST, _CUTS), sorted((first, latest))
    return replace(known, plateau=Plateau(rises, 40, first, low, high, latest, samples))


_LEARNED = list(np.geomspace(1.2, 0.05, 300))
_BY_BATCH = list(0.1 * 0.3 ** np.arange(50))
_WARM_UP = list(np.linspace(0, 0.01, 50))
_COSINE = list(0.05 * (1 + np.cos(np.linspace(0, np.pi, 50))))

RULE = Rule(
    code="OPT020",
    name="rate-ran-out",
    title="A schedule takes the learning rate away while there is much to learn",
    why="A schedule counts its own steps, and one that is meant for epochs but stepped for every "
    "batch has taken the rate away before the first epoch is over. All later steps change "
    "nothing, and the loss stays where it was by then.",
    sees="""
A learning rate that is below a hundredth of its highest value for more than half of the run, while
the fit still had far to go; a rate that is 0 from the start; one that is still rising at the end of
a run in which the weights hardly moved; or one that never came near the rate of the optimizer, as
where a function that gives rates is taken for one that gives factors. `ReduceLROnPlateau` with
`mode="max"` that is given a loss takes every gain for a plateau, and so does one with `mode="min"`,
the default, that is given an accuracy.
""",
    evidence="""
The rates of the optimizers' groups are read at every step. They are compared with the highest of
the same group, the group that keeps most counts, and with the full rate that torch's schedulers
note in the group. Of the first `ReduceLROnPlateau` it is read what it was given, and which way that
is to go. Numbers that all are k / n or 100 k / n of one n are shares of samples: no loss is.
""",
    ignore="""
Decays that end with the run (a cosine is below a hundredth for its last 6 % only) are silent, and
so are those of a run that fits its targets; of a warm-up that ends below a tenth of its target,
nine tenths of them. Where the loss had come to rest before, the rate was
taken away because of that, and something else is the cause; not where the weights hardly moved.
""",
    references=(
        "torch documentation, How to adjust learning rate: schedulers are called once an epoch",
        "Loshchilov & Hutter 2017: SGDR, a cosine over the whole budget",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.UPDATES, Quantity.PARAMETERS}),
    check=check,
    thresholds={
        "spent": SPENT,
        "gone": GONE,
        "most": MOST,
        "idle": IDLE,
        "fitted": FITTED,
        "far": FAR,
        "half": HALF,
        "weak": WEAK,
        "way": SHORT_WAY,
        "no_way": NO_WAY,
        "times": TIMES,
        "steps": JUDGED,
        "patience": PATIENCE,
        "fall": FALLING,
        "sure": ENOUGH_STEPS,
    },
    explains=("rate-too-low", "loss-flat", "stopped-early", "labels-unrelated"),
    cases=(
        Case(
            "a schedule stepped per batch", lambda: _example(_HALF_WAY, _BY_BATCH), Severity.WARNING
        ),
        Case(
            "level all along, as the weights hardly move",
            lambda: _example(_LEVEL, [0.1] * 22 + [1e-5] * 28, update=1e-5),
            Severity.WARNING,
        ),
        Case("waits for the loss to rise", lambda: _waiting(0.35), Severity.WARNING),
        Case("near miss: waits for it to fall", lambda: _waiting(0.35, rises=False), None),
        Case("near miss: waits for a score to rise", lambda: _waiting(0.8), None),
        Case(
            "waits for an accuracy to fall",
            lambda: _waiting(0.64, first=0.51, rises=False, samples=800),
            Severity.WARNING,
        ),
        Case(
            "near miss: a loss of other data rises, no share of samples",
            lambda: _waiting(0.64, first=0.51, rises=False),
            None,
        ),
        Case(
            "near miss: a share of errors falls",
            lambda: _waiting(0.3, first=0.51, rises=False, samples=800),
            None,
        ),
        Case("a rate of 0", lambda: _example(_LEVEL, [0.0]), Severity.ERROR),
        Case(
            "a warm-up longer than the run",
            lambda: _example(_LEVEL, _WARM_UP, update=1e-5, target=0.1),
            Severity.WARNING,
        ),
        Case(
            "the same, and the outputs begin to follow the targets",
            lambda: _example(_LEVEL, _WARM_UP, update=1e-5, target=0.1, correlation=0.6),
            Severity.WARNING,
        ),
        Case(
            "slow, half learned", lambda: _example(_HALF_WAY, _WARM_UP, target=1), Severity.WARNING
        ),
        Case(
            "rates taken for factors",
            lambda: _example(_LEVEL, [9e-5] * 40 + [8e-5] * 10, update=1e-5, target=1e-2),
            Severity.WARNING,
        ),
        Case(
            "near miss: low rates on which the weights moved",
            lambda: _example(_LEVEL, [4e-6] * 40 + [1e-6] * 10, update=1e-2, target=2e-3),
            None,
        ),
        Case("near miss: a cosine to 0", lambda: _example(_HALF_WAY, _COSINE), None),
        Case("near miss: it fits by then", lambda: _example(_LEARNED, _BY_BATCH), None),
        Case(
            "near miss: the loss came to rest before",
            lambda: _example(_LEVEL, [0.1] * 22 + [1e-5] * 28),
            None,
        ),
        Case(
            "near miss: a warm-up on which the weights moved",
            lambda: _example(_LEVEL, _WARM_UP, update=1e-2, target=0.1),
            None,
        ),
        Case("a constant rate", lambda: _example(_HALF_WAY, [0.1]), None),
        Case(
            "readings missing: no rates",
            lambda: replace(_example(_HALF_WAY, _BY_BATCH), rates=RateCurve()),
            None,
        ),
    ),
)
