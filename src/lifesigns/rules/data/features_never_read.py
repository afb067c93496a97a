"""DAT035: layers that share the columns of a table read the same ones, and others are left."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import BatchReading, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

READ, GIVEN = "columns_read", "columns_given"
"""Details of a loss: where slices of the batch are together as wide as it is, how many of its
columns they read, and of how many."""
SLICES, WIDTHS, AT = "slices", "slice_widths", "last_slice_at"
"""How many slices there are, of how many widths, and the site that reads the last."""
SEVERAL = Threshold(
    3,
    "slices of one width, at least, that are as wide as the input together",
    "arithmetic: two halves that are the same may be meant",
)
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = [loss.details for loss in stream.readings if READ in loss.details]
    if not STEPS <= len(marked) == len(stream.readings):
        return
    given, slices, read = (int(marked[0][word]) for word in (GIVEN, SLICES, READ))
    is_shared = all(d[SLICES] >= SEVERAL or d[WIDTHS] > 1 for d in marked)
    if not is_shared or any(d[READ] >= d[GIVEN] for d in marked):
        return
    yield RULE.finding(
        Severity.WARNING,
        f"layers read the same columns of the input several times, and {given - read} of {given} "
        "columns are read by none",
        site=stream.first.graph.sites[int(marked[0][AT])].name,
        step=stream.first.step,
        measured=f"in {len(marked)} recorded steps {slices} slices of the input are as wide as it "
        f"is together, {given} columns, and they are {read} different ones{stream.course.remark}",
        expected="slices that begin where the one before ends",
        certainty="exact: where each slice lies in memory",
        causes=("wrong_shape", "other"),
        remedies=(_ADVANCE, _SPLIT),
        evidence={"read": read, "given": given, "slices": slices},
    )


_ADVANCE = Remedy(
    "Let the next slice begin where this one ends.",
    "tokens.append(layer(x[:, start : start + width]))\nstart += width",
)
_SPLIT = Remedy(
    "Or let torch cut the columns.",
    "parts = x.split(widths, dim=1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(read: float, *, slices: float = 4, widths: float = 3) -> Trace:
    """So many of 30 columns are read by layers that are given slices of so many widths."""
    known = example.fitting(
        example.chain("linear/8", "relu", "linear/1", "mse_loss"),
        example.FALLING,
        np.ones((8, 1)),
        example.target([1.0] * 8),
        batch=BatchReading((8, 30), example.sums(np.ones((8, 30)))),
    )
    marks = {READ: read, GIVEN: 30.0, SLICES: slices, WIDTHS: widths, AT: 0.0}
    return example.marked(known, marks if slices else {})


RULE = Rule(
    code="DAT035",
    name="features-never-read",
    title="Layers share the columns of a table, and some are read by none",
    why="What no layer is given cannot be learned from, however long the training is. A start that "
    "is never moved on gives each layer the columns of the first: the sizes fit, no error is "
    "raised, and the network learns what it can from a few columns.",
    sees="""
A table whose columns belong to groups, each with a layer of its own that is given
`x[:, start : start + width]`, and a loop that forgets `start += width`.
""",
    evidence="""
There is no gradient to the data: memory tells. Where what layers keep of their input are slices
of the very batch that the network is given, the place where each begins and its width say which
columns it has. In all recorded steps, three at least, the widths together are just the number of
columns, and the columns that are read are fewer. The slices are three or more, or of several
widths.
""",
    ignore="""
Columns that are left out on purpose, such as the number of a row, make the widths fewer than the
columns, and windows that overlap make them more. Two halves that are the same may be two layers
that both leave the other half out. Slices that were copied, as by a cast, are not seen.
""",
    references=(
        "PyTorch, `torch.split`",
        "Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data, section 3.3",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"several": SEVERAL, "steps": STEPS},
    explains=("loss-flat", "labels-unrelated", "stopped-early"),
    cases=(
        Case("the columns of the first", lambda: _example(10), Severity.WARNING),
        Case("of one width", lambda: _example(10, slices=3, widths=1), Severity.WARNING),
        Case("near miss: one half twice", lambda: _example(15, slices=2, widths=1), None),
        Case("near miss: all columns", lambda: _example(30), None),
        Case("no slices", lambda: _example(0, slices=0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(10)), None),
    ),
)
