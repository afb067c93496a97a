"""DAT058: rows are normalised one by one, and with their level goes that of the targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD, FIT, SPREAD = "level_told", "level_fit", "level_in_spread"
"""Details of a loss whose first layer is given rows of one mean: shares of variances that a line
explains, of the targets' level by that of the rows as they were, of all targets by the same, and of
the targets' level by the rows' deviation."""
STEPS = Threshold(2, "recorded steps in which it is so", "one batch may be odd")
NEARLY_ALL = Threshold(
    0.8,
    "share of the variance of the targets' level that the rows' level explains",
    "Cohen 1988: a large effect explains a quarter; this is all but a fifth",
)
HARDLY = Threshold(
    0.2, "share of the same variance that the deviation of the given rows explains", "the rest"
)
FAR = Threshold(
    0.5, "of the gain of a line over the level, the share that was learned", "a definition: half"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course = stream.course
    seen = [one.details for one in stream.marked(TOLD)]
    if len(seen) < STEPS or course.opposed or course.steps < ENOUGH_STEPS:
        return
    told, fit, spread = (float(np.median([x[of] for x in seen])) for of in (TOLD, FIT, SPREAD))
    line = 1 - np.sqrt(1 - np.clip(fit, 0, 1))
    if told < NEARLY_ALL or spread > HARDLY or not course.gain < FAR * line:
        return
    yield RULE.finding(
        Severity.WARNING,
        "the level that the targets need is taken out of each row, and not put back into the "
        "output",
        step=stream.first.step,
        measured=f"the mean of a row explains {told:.0%} of the variance of its targets' mean, but "
        "all rows that the first layer is given have the same mean, and no other way leads round "
        f"it, in {counted(len(seen), 'recorded step')}: a line over that mean has an error at "
        f"least {line:.0%} lower than a constant{course.remark}",
        expected="an output that is multiplied by the row's deviation, with its mean added",
        certainty=f"exact, in {stream.seen}, that the level is gone; that the targets need it is "
        "likely",
        causes=("unnormalised_input", "other"),
        remedies=(_BACK, _TELL),
        evidence={"told": told, "fit": fit, "spread": spread, "gain": course.gain},
    )


_BACK = Remedy(
    "Bring the output back to the scale of its row.",
    "mean, deviation = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5\n"
    "prediction = model((x - mean) / deviation) * deviation + mean",
)
_TELL = Remedy(
    "Or normalise the targets by the same two numbers, and undo it where the predictions are used.",
    "loss = F.mse_loss(model((x - mean) / deviation), (y - mean) / deviation)",
)


# --- cases ----------------------------------------------------------------------------------------
_HARDLY = list(np.geomspace(1.0, 0.9, 200))
_FITTED = list(np.geomspace(1.0, 0.05, 200))


def _example(
    *told: float, fit: float = 0.85, spread: float = 0.0, losses: Sequence[float] = _HARDLY
) -> Trace:
    """What the level explains, in one recorded step after the other."""
    known = example.regression(losses, update=1e-3)
    return example.marked_each(known, ({TOLD: x, FIT: fit, SPREAD: spread} for x in told))


RULE = Rule(
    code="DAT058",
    name="level-taken-away",
    title="The level that the targets need is taken out of the rows",
    why="A window that is normalised by its own mean and deviation says which form a series has, "
    "and no longer how large it is. An output made of it can have the mean level of all series at "
    "best, while the targets have that of their own: a small store gets the forecast of a medium "
    "one.",
    sees="""
A forecaster of windows that are normalised one by one inside of the network, whose output is
compared with raw targets: the line that multiplies it by the deviation and adds the mean is
missing. To divide each window by its mean does the same, or a `LayerNorm` over the whole window, or
an `InstanceNorm` over time, as the first layer. The loss stays near that of a constant, as if there
were nothing to learn.
""",
    evidence="""
Of the rows that the network is given, the mean (of all numbers, or of one feature) explains four
fifths of the variance of the means of their targets. Of what its first layers are given all rows
have the same mean, and a deviation that explains no more than a fifth of it. No other data enter:
nothing is looked up, joined, added or multiplied on the way. The output comes out of a layer and is
compared as it is. The loss falls by less than half of what a line over the level alone would have
gained.
""",
    ignore="""
Targets that do not follow the level, as the concentration in a spectrum whose brightness varies;
targets that were normalised with their rows; classes. Where the deviation or the mean of the rows
comes back later, or rows are normalised before the network is given them, nothing is said.
""",
    references=(
        "Kim et al. 2022, Reversible Instance Normalization for Accurate Time-Series Forecasting",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "nearly_all": NEARLY_ALL,
        "hardly": HARDLY,
        "far": FAR,
        "enough_steps": ENOUGH_STEPS,
    },
    explains=(
        *("loss-flat", "labels-unrelated", "constant-output", "stopped-early", "unscaled-target"),
        *("loss-oscillates", "dead-units"),
    ),
    cases=(
        Case("in all recorded steps", lambda: _example(0.98, 0.97, 0.99), Severity.WARNING),
        Case(
            "learned by nothing",
            lambda: _example(0.85, 0.9, losses=[1.0] * 200),
            Severity.WARNING,
        ),
        Case("near miss: it is fitted", lambda: _example(0.98, 0.97, losses=_FITTED), None),
        Case("near miss: the level tells less", lambda: _example(0.5, 0.6, 0.4), None),
        Case("near miss: the spread tells it", lambda: _example(0.98, 0.97, spread=0.9), None),
        Case("near miss: the level is little", lambda: _example(0.98, 0.97, fit=0.1), None),
        Case("near miss: one step", lambda: _example(0.98), None),
        Case(
            "few steps",
            lambda: _example(0.98, 0.97, losses=[1.0] * 30),
            None,
        ),
        Case("readings missing: no loss", lambda: example.unread(_example(0.98, 0.97)), None),
    ),
)
