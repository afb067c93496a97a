"""DAT061: rotary positions turn queries and keys by their head instead of by their position."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

HEADS, POSITIONS = "turned_heads", "turned_positions"
"""Details of a loss: how many heads are turned, each by its own angles, and how many positions of
each of them alike."""
STEPS = Threshold(2, "recorded steps in which heads are turned", "one may be a test")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss and s.loss.details.get(HEADS)]
    told = [shot.loss.details for shot in shots if shot.loss]
    if len(told) < STEPS:
        return
    heads, positions = round(told[0][HEADS]), round(told[0][POSITIONS])
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"rotary positions turn {heads} heads by an angle each, and all {positions} positions of "
        "a head alike: attention is told no position",
        site="input",
        step=shots[0].step,
        measured="queries and keys are multiplied by the same cosines and sines, which differ "
        f"along the heads and not along the positions, in {counted(len(told), 'recorded step')}"
        f"{stream.course.remark}",
        expected="cosines and sines that differ along the positions and are the same for all heads",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_BEFORE, _AXIS),
        evidence={"heads": heads, "positions": positions},
    )


_BEFORE = Remedy(
    "Turn queries and keys while their axes still are batch, positions, heads and width.",
    "q, k = rotate(q), rotate(k)\nq, k, v = (x.transpose(1, 2) for x in (q, k, v))",
)
_AXIS = Remedy(
    "Or lay the table along the axis of the positions.",
    "cos, sin = cos[None, None, : q.size(2)], sin[None, None, : q.size(2)]",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(steps: int = 5, heads: float = 4.0, flat: bool = False) -> Trace:
    """So many heads are turned by angles of their own, in this many recorded steps."""
    known = example.regression(example.FLAT if flat else example.FALLING, update=1e-3)
    return example.marked_each(known, [{HEADS: heads, POSITIONS: 24.0}] * steps)


RULE = Rule(
    code="DAT061",
    name="turned-by-head",
    title="Rotary positions turn heads, not positions",
    why="A rotary embedding turns each query and key by an angle that belongs to its position, so "
    "that their product depends on how far they are apart. Along the wrong axis it turns each head "
    "by one angle, query and key alike, their products are what they were without it, and "
    "attention does not know where a word stands.",
    sees="""
A helper that takes axis 1 as that of the positions, for `[batch, positions, heads, width]`, and is
given `[batch, heads, positions, width]`, behind `transpose(1, 2)`; or the other way round. The
table is sliced to as many rows as there are heads and broadcasts without an error.
""",
    evidence="""
What leads to the query and to the key of an attention is followed back to their linear maps, with
the axes of heads and positions through every view and exchange. Both are multiplied by the same two
constants, whose squares add up to 1, or by one of complex numbers of length 1. Along the axis of
the positions they are one number, along that of the heads they differ.
""",
    ignore="""
Scales of heads, learned ones as well, are no rotation. Where anything else multiplies a query or
key, position by position, nothing is told. Biases of attention, as ALiBi's, and masks are added and
do not count.
""",
    references=("Su et al. 2021, RoFormer: Enhanced Transformer with Rotary Position Embedding",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=(
        "order-unseen",
        "labels-unrelated",
        "loss-flat",
        "rate-too-low",
        "rate-ran-out",
        "stopped-early",
        "learned-by-heart",
    ),
    cases=(
        Case("in all recorded steps", _example, Severity.WARNING),
        Case("and nothing is learned", lambda: _example(flat=True), Severity.WARNING),
        Case("near miss: turned by position", lambda: _example(heads=0.0), None),
        Case("near miss: one step", lambda: _example(steps=1), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
