"""LOS061: a likelihood is weighted by the probability that it should raise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

POWER, LOWERED = "self_weighted", "pushed_down"
"""The details of such a loss: its exponent, and for what share of samples it lowers p."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = stream.marked(POWER)
    if marked:
        last = marked[-1].details
        yield _finding(stream, marked[0].step, last[POWER], last[LOWERED])


def _finding(stream: Stream, step: int, power: float, lowered: float) -> Finding:
    bound = math.exp(-1 / power)
    return RULE.finding(
        Severity.ERROR if lowered > HALF else Severity.WARNING,
        "the likelihood of each sample is weighted by a power of its own probability",
        step=step,
        measured=f"-log p times p to the power of {power:g} falls towards p = 0 where p is below "
        f"{bound:.2f}; that holds for {lowered:.0%} of the samples of the last recorded step"
        f"{stream.course.remark}",
        expected="a loss that is lowest at p = 1 only",
        certainty="proved on the graph",
        causes=("wrong_loss",),
        remedies=(
            Remedy(
                "A focal loss weights by what is missing to 1.",
                "loss = (1 - p) ** gamma * nll",
                edit="weigh-by-missing",
            ),
            Remedy(
                "Or keep the weight out of the gradient.",
                "loss = p.detach() ** gamma * nll",
            ),
        ),
        evidence={"power": power, "lowered": lowered, "bound": bound},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(lowered: float | None, losses: Sequence[float] = example.FALLING) -> Trace:
    """A likelihood by hand that lowers the probability of so many samples; None for a usual one."""
    details = {} if lowered is None else {POWER: 2.0, LOWERED: lowered}
    graph = example.chain("linear/10", "log_softmax", batch=8)
    loss = LossReading(losses[0], operation="mul", details=details)
    shots = (example.snapshot(graph, step=step, loss=loss) for step in (0, 50))
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="LOS061",
    name="likelihood-weighs-itself",
    title="A likelihood that is weighted by its own probability",
    why="A sample whose class is thought impossible should weigh most. Weighted by its own "
    "probability it weighs nothing, and the product is lowered by making the class less probable "
    "still: descent leads away from the target wherever the network is not nearly sure of it.",
    sees="""
A focal loss written by hand with `pt ** gamma` for `(1 - pt) ** gamma`. The loss falls to next to
nothing within a few steps, and the accuracy ends below chance.
""",
    evidence="""
The graph: the logarithm of the probability of the target, picked by an index or a loss of torch's
own, is multiplied by a power of that very probability, and both have a gradient. Then the product
falls towards p = 0 for p below e^(-1/γ); the last recorded step tells for how many samples.
""",
    ignore="""
A weight that is detached leaves the gradient its sign and is not reported; nor is an entropy, which
multiplies each probability by its logarithm over all classes.
""",
    references=("Lin et al. 2017, Focal Loss for Dense Object Detection (ICCV), section 3.2",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"lowered": HALF},
    explains=(
        "loss-flat",
        "constant-output",
        "dead-units",
        "stopped-early",
        "vanishing-gradient",
        "zero-gradient",
        "wrong-direction",
        "one-answer-counts",
    ),
    cases=(
        Case("all samples are pushed away", lambda: _example(1.0), Severity.ERROR),
        Case("most are sure already", lambda: _example(0.1), Severity.WARNING),
        Case("near miss: a focal loss", lambda: _example(None), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1.0)), None),
    ),
)
