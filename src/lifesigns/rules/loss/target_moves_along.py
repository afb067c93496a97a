"""LOS097: a prediction is compared with what it was made of, and carries it along."""

from __future__ import annotations

from collections.abc import Iterator

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "targets_moving_along"
"""Detail of a loss: how many of its comparisons have such a target."""
STEPS = Threshold(2, "recorded steps in which it is so", "one may be a trial")


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    marked = stream.marked(MARK)
    if len(marked) < STEPS:
        return
    yield RULE.finding(
        Severity.WARNING,
        "a straight-through estimate is compared with the value that its gradient goes to",
        step=marked[0].step,
        measured="what is compared is a value plus a number without a graph, and its target is the "
        f"memory of that value, in {counted(len(marked), 'recorded step')}{stream.course.remark}",
        expected="the chosen rows themselves, with their graph, where they are compared",
        certainty=f"exact: the graph and the memory, in {stream.seen}",
        causes=("wrong_loss", "frozen"),
        remedies=(_LATER,),
        evidence={"steps": len(marked)},
    )


_LATER = Remedy(
    "Compare the rows of the codebook first, and copy the gradient afterwards.",
    "loss = F.mse_loss(q, z.detach()) + beta * F.mse_loss(z, q.detach())\nq = z + (q - z).detach()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(steps: int, losses: tuple[float, ...] = example.FLAT) -> Trace:
    known = example.regression(losses, update=1e-3)
    marks = [{MARK: 1.0} if i < steps else {} for i in range(len(known.snapshots))]
    return example.marked_each(known, marks)


RULE = Rule(
    code="LOS097",
    name="target-moves-along",
    title="A straight-through estimate is compared with its own source",
    why="Such an estimate has the value of the chosen row and the gradient of the code. Compared "
    "with the code it teaches the row nothing, and drives the code away from it, step by step.",
    sees="""
A vector quantiser that makes its straight-through estimate before its loss: the codebook, which the
loss was to move to the codes, gets no gradient, and the encoder runs away from it.
""",
    evidence="""
What a loss compares is a sum of a value and a number without a graph, and the target is that very
value, by its memory.
""",
    ignore="""
The rows of the codebook compared with the codes, and the codes with the rows, are what is meant. A
difference written by hand, and squared, keeps neither side, and is not looked at.
""",
    references=("van den Oord et al. 2017, Neural Discrete Representation Learning, section 3.2",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS},
    explains=(
        *("loss-diverges", "one-loss-unlearned", "unscaled-target", "exploding-gradient"),
        *("detached-parameters", "dead-units", "rate-too-high", "loss-flat"),
    ),
    cases=(
        Case("in all steps", lambda: _example(4), Severity.WARNING),
        Case("in two steps", lambda: _example(2, example.FALLING), Severity.WARNING),
        Case("near miss: in one step", lambda: _example(1), None),
        Case("near miss: rows and codes are compared", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(4)), None),
    ),
)
