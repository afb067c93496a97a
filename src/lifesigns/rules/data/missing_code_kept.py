"""DAT057: a number that stands for what is missing is given to the network as a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED
from lifesigns.records import BatchReading, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD, SEEN, CODE, SHARE, LEFT = (
    "code_columns", "columns_seen", "code_in_{}", "code_share_{}", "code_left_{}",
)  # fmt: skip
"""Details of a loss: in how many columns of how many one far value returns; and for the first of
these, by its number, that value, its share, and the deviation of the others over the range."""
STEPS = Threshold(2, "recorded steps with one value in one column", "one batch may be odd")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course = stream.course
    seen = [one.details for one in stream.marked(TOLD)]
    learned = course.steps < ENOUGH_STEPS or not course.gain < FITTED
    if course.opposed or (learned and course.ends_finite):
        return
    head = CODE.format("")
    places = Counter((w, v) for known in seen for w, v in known.items() if w.startswith(head))
    if not places or places.most_common(1)[0][1] < STEPS:
        return
    (word, code), times = places.most_common(1)[0]
    column = int(word.removeprefix(head))
    own = [known for known in seen if known.get(word) == code]
    share, left = (float(np.median([x[w.format(column)] for x in own])) for w in (SHARE, LEFT))
    told = int(np.median([known[TOLD] for known in seen]))
    yield RULE.finding(
        Severity.WARNING if course.ends_finite else Severity.ERROR,
        "a number that stands for what is missing was left among the values, and next to it all "
        "others are alike",
        site="input",
        step=stream.first.step,
        measured=f"in column {column} a share of {share:.2g} is exactly {code:.6g}, and all others "
        f"lie far from it, within a deviation of {left:.2g} of the column's range, in "
        f"{counted(times, 'recorded step')}; {told} of {int(seen[-1][SEEN])} columns that were "
        f"looked at are like that{course.remark}",
        expected="columns whose values are told apart, and what is missing set to their mean",
        certainty="the values are exact on the recorded batches; that they keep the fit from being "
        "better is likely",
        causes=("unnormalised_input",),
        remedies=(_MEAN,),
        evidence={"share": share, "left": left, "columns": told, "gain": course.gain},
    )


_MEAN = Remedy(
    "Take the code out before the mean and the deviation are computed, and set what is missing to "
    "the mean, 0, afterwards; a column that says what is missing may help.",
    "x = np.where(x == -9999, np.nan, x)\n"
    "x = (x - np.nanmean(x_train, 0)) / np.nanstd(x_train, 0)\n"
    "x = np.concatenate([np.nan_to_num(x), np.isnan(x)], 1)",
)


# --- cases ----------------------------------------------------------------------------------------
_ROWS = np.random.default_rng(0).normal(0.0, 1.0, (64, 4))
_PARTLY = list(np.geomspace(1.0, 0.8, 200))
_FITTED = list(np.geomspace(1.0, 0.001, 200))


def _example(*codes: tuple[int, float], losses: Sequence[float] = _PARTLY) -> Trace:
    """Column and code, in one recorded step after the other."""
    known = example.fitting(
        example.chain("linear", "relu", "linear/1", "mse_loss"),
        losses,
        np.tile([[-0.5], [0.5]], (4, 1)),
        example.target(np.tile([[-1.0], [1.0]], (4, 1))),
        batch=BatchReading((64, 4), example.sums(_ROWS)),
    )
    return example.marked_each(
        known,
        (
            {TOLD: 1.0, SEEN: 4.0, CODE.format(i): x, SHARE.format(i): 0.4, LEFT.format(i): 3e-4}
            for i, x in codes
        ),
    )


RULE = Rule(
    code="DAT057",
    name="missing-code-kept",
    title="A code for what is missing was left among the values",
    why="A number such as -9999 for what was not measured is a value like any other to what "
    "computes a mean and a deviation. They become those of the code: scaled, all that was measured "
    "lies side by side in a hair's breadth, and a layer sees no more than whether it was measured.",
    sees="""
Columns of a table that are scaled with -9999, -999, 9999 or a year 0 in them, or that reach the
first layer with these as they are. No error, no large number after the scaling; the loss falls a
little, by what it tells that a value is missing, and stays.
""",
    evidence="""
What the first layer, or a normalisation before it, is given: some rows of each column, in two
batches at the least. The least or the greatest value returns exactly, in at least three rows. At
least eight others differ from each other, lie at least four fifths of the column's range away from
it, and have a deviation of at most a fiftieth of that range. Two batches have the same value in the
same column. An alarm only where the fit is not complete.
""",
    ignore="""
Columns of 0 and 1, of counts, or with many zeros, as rain or purchases, whose other values spread
from near 0 on; columns of which most are 0, as the words of a text; pictures with dark borders; a
code at the mean. Places of a sequence that hold their code in all such columns at once are padding,
which a mask may hide; nothing is said of batches of fewer than 32 rows.
""",
    references=(
        "Little & Rubin 2002, Statistical Analysis with Missing Data",
        "Rubin 1976, Inference and missing data",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "enough_steps": ENOUGH_STEPS, "fitted": FITTED},
    explains=(
        *("unscaled-input", "signal-fades", "signal-blows-up", "dead-units", "saturated-units"),
        *("stopped-early", "loss-oscillates", "loss-flat", "loss-diverges", "constant-output"),
        *("rate-too-high", "rate-too-low", "exploding-gradient", "dead-from-birth"),
        *("vanishing-gradient", "constant-features", "heavy-tailed-input", "labels-unrelated"),
    ),
    cases=(
        Case(
            "one column",
            lambda: _example((2, -2.9), (1, -6.0), (2, -2.9), (2, -2.9)),
            Severity.WARNING,
        ),
        Case(
            "left as it is, and learned by nothing",
            lambda: _example((0, -9999.0), (0, -9999.0), losses=[1.0] * 200),
            Severity.WARNING,
        ),
        Case(
            "left as it is, and the loss is not finite after a few steps",
            lambda: _example((0, -9999.0), (0, -9999.0), losses=[9e9, 9e99] + [float("nan")] * 98),
            Severity.ERROR,
        ),
        Case(
            "near miss: another value in each batch",
            lambda: _example((2, -2.9), (2, -2.8), (2, -2.7), (2, -2.6)),
            None,
        ),
        Case(
            "near miss: it is fitted",
            lambda: _example((2, -2.9), (2, -2.9), losses=_FITTED),
            None,
        ),
        Case("near miss: one batch", lambda: _example((2, -2.9)), None),
        Case("near miss: no such column", lambda: _example(), None),
        Case(
            "few steps",
            lambda: _example((2, -2.9), (2, -2.9), losses=[1.0] * 30),
            None,
        ),
        Case(
            "readings missing: no loss",
            lambda: example.unread(_example((2, -2.9), (2, -2.9))),
            None,
        ),
    ),
)
