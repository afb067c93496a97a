"""LOS079: a mask of integers picks rows 0 and 1, where those with a 1 are meant."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MASKED, TRUE = "rows_by_integer_mask", "ones_of_integer_mask"
"""Details of a loss: the rows that integers of 0 and 1 index, and how many of those are 1."""
OFTEN = Threshold(2, "recorded steps with such an index", "the program is the same each time")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = stream.marked(MASKED)
    if len(marked) < OFTEN:
        return
    rows, ones = marked[0].details[MASKED], marked[0].details[TRUE]
    yield RULE.finding(
        Severity.WARNING,
        "a mask of integers is an index: it picks rows 0 and 1 again and again",
        step=marked[0].step,
        measured=f"in {len(marked)} recorded steps {rows:g} rows are indexed by {rows:g} integers, "
        f"all of them 0 or 1: row 1 is picked {ones:g} times, row 0 {rows - ones:g} times, and no "
        f"other row{stream.course.remark}",
        expected="a mask of booleans, which picks the rows that are true",
        certainty="exact, in these steps",
        causes=("wrong_loss", "other"),
        remedies=(_BOOLEAN,),
        evidence={"rows": rows, "ones": ones},
    )


_BOOLEAN = Remedy(
    "Make the mask boolean.", "loss = losses[mask.bool()].mean()", edit="make-boolean"
)


# --- cases ----------------------------------------------------------------------------------------
def _example(rows: float, ones: float = 20, losses: Iterable[float] = example.FLAT) -> Trace:
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked(known, {MASKED: rows, TRUE: ones} if rows else {})


RULE = Rule(
    code="LOS079",
    name="mask-as-index",
    title="A mask of integers picks rows 0 and 1",
    why="Indexed by booleans, a tensor gives its rows that are true. Indexed by integers it gives "
    "the rows with these numbers: a mask that holds 0 and 1 as integers gives its first two rows, "
    "as many times as the mask has places, and all the others have no part in the loss.",
    sees="""
`(log_hazard - log_risk)[event]` or `losses[mask]` where `event` or `mask` is of `int64`, as it
comes from NumPy, a data frame or a tokenizer. Nothing is raised, the shapes fit the mean, and the
loss may fall far: two samples are learned soon.
""",
    evidence="""
An index on the graph of a recorded step is of integers, has exactly the shape of what it indexes,
with eight rows or more, and holds 0 and 1 and nothing else, in each step where it was looked at.
""",
    ignore="""
A parameter that is looked up is a table, as of an embedding; so is a computed one that has another
number of rows than there are samples. Neither is reported.
""",
    references=("NumPy user guide, Indexing on ndarrays: boolean array indexing",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"often": OFTEN},
    explains=(
        *("loss-flat", "labels-unrelated", "learned-by-heart", "constant-output", "stopped-early"),
        *("zero-gradient", "vanishing-gradient", "dead-units", "loss-oscillates", "rate-too-low"),
    ),
    cases=(
        Case("rows of a loss", lambda: _example(64), Severity.WARNING),
        Case(
            "while the loss falls", lambda: _example(64, losses=example.FALLING), Severity.WARNING
        ),
        Case("near miss: booleans, or a table", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(64)), None),
    ),
)
