"""DAT034: inputs spread over orders of magnitude, so that a few of them dwarf all others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED
from lifesigns.records import BatchReading, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LEAST, WHOLE = "tail_least", "tail_whole"
"""Details of a loss: of the inputs' distances from the least one, two ratios of quantiles."""
EACH = Threshold(
    3.0, "ratio of the next quantile, at every one", "an exponential: 2; powers over decades: 8"
)
DECADES = Threshold(
    100.0, "ratio of the largest hundredth to the median", "two orders; an exponential has 7"
)
STEPS = Threshold(2, "recorded steps with such inputs", "one batch may be odd")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course = stream.course
    seen = [one.details for one in stream.marked(WHOLE)]
    if len(seen) < STEPS or course.opposed or course.steps < ENOUGH_STEPS:
        return
    least, whole = (float(np.median([each[of] for each in seen])) for of in (LEAST, WHOLE))
    if not (least > EACH and whole > DECADES and course.gain < FITTED):
        return
    yield RULE.finding(
        Severity.WARNING,
        "a few inputs dwarf all others: they are spread over orders of magnitude, and were given "
        "without a logarithm",
        site="input",
        step=stream.first.step,
        measured=f"above the least value, the largest hundredth is {whole:,.0f} times as far as "
        f"the median, and each of the quantiles between at least {least:.3g} times as far as the "
        f"one before, median of {counted(len(seen), 'recorded step')}{course.remark}",
        expected="values of one order of magnitude",
        certainty="the spread is exact on the recorded batches; that it keeps the fit from being "
        "better is likely",
        causes=("unnormalised_input",),
        remedies=(_LOGARITHM,),
        evidence={"least": least, "whole": whole, "gain": course.gain},
    )


_LOGARITHM = Remedy(
    "Take the logarithm of what is spread over orders of magnitude, then scale it.",
    "x = torch.log(x + 1e-6)  # powers, prices, counts: log1p\nx = (x - x.mean()) / x.std()",
    edit="take-logarithm",
)


# --- cases ----------------------------------------------------------------------------------------
_AMOUNTS = np.random.default_rng(0).lognormal(0.0, 3.0, (2048, 4))


def _example(least: float, whole: float, losses: Sequence[float]) -> Trace:
    known = example.fitting(
        example.chain("conv2d/4", "relu", "linear/1", "mse_loss"),
        losses,
        np.tile([[-0.5], [0.5]], (4, 1)),
        example.target(np.tile([[-1.0], [1.0]], (4, 1))),
        batch=BatchReading((8, 4, 16, 16), example.sums(_AMOUNTS)),
    )
    return example.marked(known, {LEAST: least, WHOLE: whole})


_PARTLY = list(np.geomspace(1.0, 0.5, 200))
_FITTED = list(np.geomspace(1.0, 0.001, 200))

RULE = Rule(
    code="DAT034",
    name="heavy-tailed-input",
    title="A few inputs dwarf all others",
    why="A layer weighs its inputs and adds them up: where each is ten times the next, the sum is "
    "the largest of them, and what the others say is lost beside it. To subtract a mean and to "
    "divide by a deviation leaves that as it is.",
    sees="""
A power spectrogram that is given without its logarithm; prices, counts, sizes or concentrations
from units to millions. The loss falls, and stops early: what is loud, rich or large is fitted, and
all else looks alike.
""",
    evidence="""
A thousand values of each of some features that the first layer is given, in their order. From the
least value, the largest hundredth is more than a hundred times as far as the median, and each of
the quantiles between (a half, three quarters, nine tenths) three times as far as the one before.
An alarm only where the fit is not complete.
""",
    ignore="""
Pictures that are mostly dark, and vectors that are mostly 0, have two kinds of values and none
between. Where a normalisation with weights, or a lookup, comes first, nothing is said; nor of
tables with fewer than a thousand rows in a batch.
""",
    references=(
        "Davis & Mermelstein 1980: features of speech are logarithms of energies",
        "Tukey 1977, Exploratory Data Analysis: re-expression of amounts and counts",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "each": EACH,
        "decades": DECADES,
        "steps": STEPS,
        "enough_steps": ENOUGH_STEPS,
        "fitted": FITTED,
    },
    explains=(
        *("signal-fades", "dead-units", "saturated-units", "stopped-early", "loss-oscillates"),
        *("loss-flat", "constant-output"),
    ),
    cases=(
        Case("over decades", lambda: _example(8.0, 3000.0, _PARTLY), Severity.WARNING),
        Case(
            "over decades, learned by nothing",
            lambda: _example(8, 3000, [1.0] * 200),
            Severity.WARNING,
        ),
        Case("near miss: it is fitted", lambda: _example(8.0, 3000.0, _FITTED), None),
        Case("near miss: powers of noise", lambda: _example(1.8, 7.0, _PARTLY), None),
        Case("near miss: dark pictures", lambda: _example(1.1, 300.0, _PARTLY), None),
        Case("near miss: mostly 0", lambda: _example(0.0, 0.0, _PARTLY), None),
        Case("few steps", lambda: _example(8.0, 3000.0, [1.0] * 30), None),
        Case("readings missing: no loss", lambda: example.unread(_example(8, 3000, _PARTLY)), None),
    ),
)
