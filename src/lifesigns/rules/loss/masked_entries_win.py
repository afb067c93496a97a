"""LOS052: a minimum takes the entries that a mask has set to 0, and never one that is left."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SET, ROWS, LOWEST, PRODUCT = "set_wins", "masked_rows", "lowest_of_masked", "masked_by_product"
"""Details of a loss: of so many rows that a mask has set in part, in how many the set entries win;
whether a minimum is taken, and whether the mask is multiplied with."""
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")
EVERY = Threshold(
    0.95,
    "share of the rows, in each step, in which a set entry is taken",
    "a definition: a few rows may have an entry that is 0 or less",
)
ENOUGH = Threshold(
    20,
    "rows of all recorded steps",
    "binomial: as many heads in a row come by chance once in a million",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = stream.marked(ROWS)
    wins, rows = (int(sum(one.details[of] for one in marked)) for of in (SET, ROWS))
    if len(marked) < STEPS or rows < ENOUGH:
        return
    if any(one.details[SET] < EVERY * one.details[ROWS] for one in marked):
        return
    best = "minimum" if marked[0].details[LOWEST] else "maximum"
    is_product = bool(marked[0].details[PRODUCT])
    entry = "a 0 that the mask made" if is_product else "the number that the mask put there"
    yield RULE.finding(
        Severity.NOTE if stream.course.gain > HALF else Severity.WARNING,
        f"a {best} takes what a mask has set, and not what it leaves",
        step=marked[0].step,
        measured=f"in {wins / rows:.0%} of {rows} rows, of "
        f"{counted(len(marked), 'recorded step')}, the {best} is {entry}, though it leaves "
        f"other entries there{stream.course.remark}",
        expected=f"the {best} of the entries that the mask leaves",
        certainty="exact, in these steps",
        causes=("wrong_loss", "other"),
        remedies=(_HIGH if best == "minimum" else _LOW,),
        evidence={"share": wins / rows, "rows": rows},
    )


_HIGH = Remedy(
    "Set what is not meant to a number above all others.",
    'hardest = distance.masked_fill(~is_other, float("inf")).min(1).values',
)
_LOW = Remedy(
    "Set what is not meant to a number below all others.",
    'best = scores.masked_fill(~is_meant, float("-inf")).max(1).values',
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *wins: float, rows: float = 48, lowest: float = 1, product: float = 1, fits: bool = False
) -> Trace:
    """In so many rows of each recorded step a set entry wins."""
    known = example.regression(example.FALLING if fits else example.FLAT, update=1e-3)
    if not wins:
        return known
    marks = ({SET: won, ROWS: rows, LOWEST: lowest, PRODUCT: product} for won in wins)
    return example.marked_each(known, marks)


RULE = Rule(
    code="LOS052",
    name="masked-entries-win",
    title="A minimum takes what a mask has set",
    why="A mask that is multiplied with sets what is not meant to 0. Where all else is larger, 0 "
    "is the smallest entry of each row: the minimum is always 0, what it was to find has no part "
    "in the loss, and gets no gradient.",
    sees="""
The hardest negative of a triplet loss as `(distance * is_negative).min(1)`: distances to the
sample itself and to its own class are 0, and win. The loss falls to the margin and stays there,
with all embeddings at one point. Likewise a maximum of numbers below 0, such as
`(log_probability * mask).max(1)`, and a minimum behind `masked_fill(mask, 0)`.
""",
    evidence="""
A minimum or a maximum on the graph of the loss, of a product with data of 0 and 1 alone, or of what
a mask has filled. The place that it takes, and what the mask says of it: in each recorded step, of
the rows that are set in part and have two entries left, at least 95 % take one that is set.
""",
    ignore="""
The largest distance behind a mask, `(distance * is_positive).max(1)`, is right: 0 is never larger.
So is a mask that puts a very large number there before a minimum. A maximum that is subtracted from
what it is taken of, as for a softmax by hand, changes nothing. A sample that has no other of its
class in the batch leaves one entry, and is not counted; nor is a row of a ReLU with a 0 of its own.
Of a network that fits its targets all the same, more than half of the way from a constant
prediction to a perfect one, it is a note: the minimum over the words of a padded sentence, perhaps,
beside their mean.
""",
    references=(
        "Hermans, Beyer & Leibe 2017, In Defense of the Triplet Loss for Person Re-Identification",
        "PyTorch, `torch.Tensor.masked_fill`",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "every": EVERY, "enough": ENOUGH, "learned": HALF},
    explains=(
        *("embeddings-collapse", "loss-flat", "stopped-early", "constant-output", "dead-units"),
        *("rows-become-alike", "zero-gradient", "vanishing-gradient", "rate-too-low"),
    ),
    cases=(
        Case("the nearest of the others", lambda: _example(48, 48, 48), Severity.WARNING),
        Case("in nearly all rows", lambda: _example(48, 46, 47), Severity.WARNING),
        Case(
            "a maximum of what is below 0",
            lambda: _example(48, 48, 48, lowest=0),
            Severity.WARNING,
        ),
        Case("a mask that fills", lambda: _example(48, 48, 48, product=0), Severity.WARNING),
        Case(
            "beside other things, and the targets are fitted",
            lambda: _example(48, 48, 48, fits=True),
            Severity.NOTE,
        ),
        Case("near miss: in most rows", lambda: _example(48, 48, 40), None),
        Case("near miss: in two steps", lambda: _example(48, 48), None),
        Case("near miss: few rows", lambda: _example(1, 1, 1, rows=1), None),
        Case("near miss: a large number is put there", lambda: _example(0, 0, 0), None),
        Case("no mask", lambda: _example(), None),
        Case("readings missing: no loss", lambda: example.unread(_example(48, 48, 48)), None),
    ),
)
