"""DAT036: each row of the output is multiplied by the size of its input, which still has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import FITTED, HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SPREAD, LEFT = "row_factor_spread", "row_ratio_spread"
"""Details of a loss: deviation of the logarithm of the rows' factors, and of those over the size
of the same rows of the input."""
APART = Threshold(1.0, "spread of the logarithms of the factors", "a factor of e between rows")
SAME = Threshold(
    0.25,
    "share of that deviation which is left of the factors over the inputs",
    "convention: nine tenths of the variance is the same",
)
OFTEN = Threshold(3, "recorded steps with such factors", "the program is the same each time")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = stream.marked(SPREAD)
    apart = [one for one in known if one.details[SPREAD] > APART]
    still = [one for one in apart if one.details[LEFT] < SAME * one.details[SPREAD]]
    if len(still) < OFTEN or len(still) < len(known):
        return
    course, factor = stream.course, math.exp(still[0].details[SPREAD])
    yield RULE.finding(
        course.harm(HALF, alarms=not course.gain > FITTED),
        "the output is multiplied by the scale of each row, and the input was not divided by it",
        step=still[0].step,
        measured=f"in {len(still)} recorded steps the factors of the rows have a deviation of "
        f"{factor:.2g}-fold, and the rows that the first layer reads differ with them"
        f"{course.remark}",
        expected="an input that is divided by what the output is multiplied with",
        certainty="exact, in these steps",
        causes=("unnormalised_input", "other"),
        remedies=(_DIVIDE,),
        evidence={"spread": still[0].details[SPREAD], "left": still[0].details[LEFT]},
    )


_DIVIDE = Remedy(
    "Divide each row by its deviation where the mean is subtracted.",
    "x = (x - mean) / std  # and at the end: y = y * std + mean",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(spread: float, left: float, losses: Sequence[float] = example.FLAT) -> Trace:
    known = example.regression(losses, update=1e-3)
    return example.marked(known, {SPREAD: spread, LEFT: left})


RULE = Rule(
    code="DAT036",
    name="scale-only-put-back",
    title="The output gets back a scale that the input never lost",
    why="Normalised by its own mean and deviation, every row looks alike to the network, and its "
    "answer is put back into the units of the row. Where the deviation is put back and was never "
    "taken out, the answer grows with the square of the scale: large rows swamp the first layer, "
    "small ones hardly reach it, and both are to be answered in the same units.",
    sees="""
Reversible instance normalisation of time series, or a scaling by the mean of each window, of which
the way back has a factor that the way in has not. Rows of the usual size are fitted, large and
small ones are not.
""",
    evidence="""
A value that the network computes is multiplied by data, one number for each row, which differ
widely; and the rows that the first layer reads have sizes in proportion to these numbers, in all
recorded steps that were looked at, the first eight.
""",
    ignore="""
Rows that are divided by their scale have one size, whatever the factors are: they are in order. So
are factors that have nothing to do with the size of the input. Where the fit explains nearly
everything it is a note.
""",
    references=(
        "Kim et al. 2022, Reversible Instance Normalization for Time-Series Forecasting, section 3",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"apart": APART, "same": SAME, "often": OFTEN, "half": HALF, "fitted": FITTED},
    explains=(
        *("unscaled-input", "signal-blows-up", "loss-flat", "loss-oscillates", "rate-too-high"),
        *("heavy-tailed-input", "exploding-gradient", "stopped-early"),
    ),
    cases=(
        Case("put back alone", lambda: _example(2.0, 0.05), Severity.WARNING),
        Case(
            "put back alone, and it fits",
            lambda: _example(2.0, 0.05, example.FALLING),
            Severity.NOTE,
        ),
        Case("near miss: taken out, too", lambda: _example(2.0, 2.0), None),
        Case("near miss: rows of one size", lambda: _example(0.2, 0.01), None),
        Case("near miss: factors of something else", lambda: _example(2.0, 2.5), None),
        Case("readings missing: no loss", lambda: example.unread(_example(2.0, 0.05)), None),
    ),
)
