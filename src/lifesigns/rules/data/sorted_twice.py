"""DAT059: rows that were sorted are sorted once more, and end in the places of other rows."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SHARE, ROWS, ORDER = "sorted_twice", "sorted_rows", "sorted_order"
"""Details of a loss: the share of the rows that end in the place of another one, how many rows are
sorted, and a number of their order."""
ORDERS = Threshold(
    2, "orders of rows, at least", "a definition: one that stays the same may be a ring of nodes"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    told = [s.loss.details for s in stream.snapshots if s.loss and s.loss.details.get(SHARE)]
    if len({details[ORDER] for details in told}) < ORDERS:
        return
    share = sum(details[SHARE] for details in told) / len(told)
    rows = round(told[0][ROWS])
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"{rows} rows are sorted by an index and sorted by it again, where they were to go back: "
        f"{share:.0%} of them end in the place of another one",
        site="input",
        step=stream.first.step,
        measured="an index of all rows, and behind it the same index or what amounts to it, in "
        f"{counted(len(told), 'recorded step')}{stream.course.remark}",
        expected="the inverse of the index behind it, with which every row has its own place again",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_INVERSE, _PUT),
        evidence={"share": share, "rows": rows},
    )


_INVERSE = Remedy(
    "Put the rows back by the inverse of the order.",
    "out = out[order.argsort()]  # rows were x[order]",
)
_PUT = Remedy(
    "Or write each row to where it came from.",
    "back = torch.empty_like(out)\nback[order] = out",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*orders: float, share: float = 0.9, flat: bool = False) -> Trace:
    """Rows that are sorted twice by these orders, in one recorded step after the other."""
    known = example.regression(example.FLAT if flat else example.FALLING, update=1e-3)
    marks = [{SHARE: share, ROWS: 32.0, ORDER: order} for order in orders]
    return example.marked_each(known, marks)


RULE = Rule(
    code="DAT059",
    name="sorted-twice",
    title="Rows are sorted again where they were to be put back",
    why="An order takes to each place the row that it names for it, and only its inverse brings "
    "each row back: the order itself moves them once more. Rows get the outputs of other rows "
    "while the targets stay where they are, and what the network learns of them is noise.",
    sees="""
Tokens that are sorted by their expert, or sequences by their lengths for `pack_padded_sequence`,
and `out[order]` behind it, where `out[order.argsort()]` was meant, or `index_put((inverse,), out)`
where `order` was. All sizes fit, and the loss falls to that of a guess.
""",
    evidence="""
Two operations that lay all rows out by an index, one behind the other, with no other such operation
between them. What a row is computed from passes through the first of them on every way. Both
indices are the same, entry by entry, where one that writes rows counts as its inverse; they hold
each row once and are not their own inverse. Where data are sorted before they have a gradient, the
rows of the batch that the network is given are compared with those it computes with.
""",
    ignore="""
An order that is the same in all steps is left alone, and so is a shift by a few places: nodes of a
ring read their neighbours so, layer by layer. Features that are shuffled are no rows, and rows that
are mixed with others, as by mixup, are not sorted.
""",
    references=("PyTorch, `torch.argsort`", "PyTorch, `nn.utils.rnn.pack_padded_sequence`"),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"orders": ORDERS, "fit": HALF},
    explains=(
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "rate-too-low",
        "rate-too-high",
        "rate-ran-out",
        "stopped-early",
        "learned-by-heart",
        "lengths-of-others",
        "samples-mixed",
    ),
    cases=(
        Case("another order in each step", lambda: _example(1, 2, 3, 4), Severity.WARNING),
        Case("and nothing is learned", lambda: _example(1, 2, 3, flat=True), Severity.WARNING),
        Case("near miss: put back by the inverse", lambda: _example(1, 2, 3, share=0.0), None),
        Case("near miss: one order in all steps", lambda: _example(1, 1, 1, 1), None),
        Case("near miss: one step", lambda: _example(1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1, 2, 3)), None),
    ),
)
