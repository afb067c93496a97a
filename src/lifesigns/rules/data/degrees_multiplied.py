"""DAT056: messages along edges are multiplied by the degrees that were to divide them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

OFF, LOWEST, HIGHEST, LOUDEST = "degrees_off", "lowest_degree", "highest_degree", "degrees_summed"
"""Details of a loss: how far the weights of the edges are from the degrees, as a share of what
these would give; the ends of the degrees; and the largest sum of the weights of a node's edges."""
STEPS = Threshold(2, "recorded steps in which it is so", "one may be a trial")
EXACT = Threshold(
    0.02,
    "largest distance of a weight from what the degrees give, as a share of that",
    "rounding: a weight in bfloat16, squared",
)
VARIED = Threshold(
    1.5, "highest degree over the lowest, at least", "a definition: weights of one size are a scale"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    found = [one for one in stream.marked(OFF) if _is_multiplied(one.details)]
    if len(found) < STEPS:
        return
    most = max(found, key=lambda one: one.details[LOUDEST])
    lowest, highest, loudest = (most.details[word] for word in (LOWEST, HIGHEST, LOUDEST))
    yield RULE.finding(
        Severity.WARNING,
        "messages are multiplied by the degrees of the nodes, and not divided by them",
        step=found[0].step,
        measured=f"in {counted(len(found), 'recorded step')} the weights of all edges are the "
        f"degrees of the nodes, from {lowest:.0f} to {highest:.0f}, or the root of their product: "
        f"those of one node add up to {loudest:.3g}{stream.course.remark}",
        expected="weights of which those of one node add up to about 1",
        certainty=f"exact, in {stream.seen}",
        causes=("exploding", "other"),
        remedies=(_DIVIDE,),
        evidence={"highest": highest, "sum": loudest, "steps": len(found)},
    )


def _is_multiplied(details: Mapping[str, float]) -> bool:
    return details[OFF] < EXACT and details[HIGHEST] >= VARIED * details[LOWEST]


_DIVIDE = Remedy(
    "Divide by the root of both degrees: the exponent is negative.",
    "root = adjacency.sum(1).pow(-0.5)\nadjacency = root[:, None] * adjacency * root",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*off: float, degrees: tuple[float, float] = (2, 87)) -> Trace:
    """How far the weights are from the degrees, in one recorded step after the other."""
    known = example.regression(example.FALLING, update=1e-3)
    lowest, highest = degrees
    ends = {LOWEST: lowest, HIGHEST: highest, LOUDEST: 2e3}
    return example.marked_each(known, ({OFF: share, **ends} for share in off))


RULE = Rule(
    code="DAT056",
    name="degrees-multiplied",
    title="Messages are multiplied by the degrees of the nodes",
    why="A node hears its neighbours in proportion to the weights of its edges, which divided by "
    "the degrees add up to about 1. With the exponent of the other sign they are the larger, the "
    "more neighbours both nodes have: a few hubs outshout all others by orders of magnitude, and "
    "with each layer more so.",
    sees="""
`d = a.sum(1).pow(0.5)` in front of `d[:, None] * a * d`, where -0.5 was meant, or
`deg[:, None] * a` where `a / deg[:, None]` was. All sizes fit; the loss begins at many times that
of a guess.
""",
    evidence="""
Weights of edges that nothing trains: the entries of a square matrix, dense or sparse, that is
multiplied with what was computed, or one weight for each row that is read by an index, multiplied
by it and summed by another index. Between different nodes each of them is the root of the product
of the degrees at both ends, or the degree of the node that hears, where a degree is the number of
edges, with or without a loop. Signs do not count, as in a Laplacian.
""",
    ignore="""
Edges that have weights of their own in front of the degrees are not told, nor are graphs whose
nodes have about the same degree: there the weights are a scale. A sum over neighbours, weight 1 for
each, is none of this.
""",
    references=(
        "Kipf & Welling 2017, Semi-Supervised Classification with Graph Convolutional Networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "exact": EXACT, "varied": VARIED},
    explains=(
        "signal-blows-up",
        "loss-flat",
        "loss-diverges",
        "loss-oscillates",
        "stopped-early",
        "dead-units",
        "exploding-gradient",
        "unscaled-input",
    ),
    cases=(
        Case("in all recorded steps", lambda: _example(1e-6, 1e-6, 1e-6), Severity.WARNING),
        Case("in half precision", lambda: _example(0.011, 0.013), Severity.WARNING),
        Case("near miss: divided by them", lambda: _example(0.996, 0.996, 0.996), None),
        Case("near miss: about so", lambda: _example(0.04, 0.04, 0.04), None),
        Case("near miss: one step", lambda: _example(1e-6), None),
        Case(
            "near miss: degrees of about one size",
            lambda: _example(1e-6, 1e-6, degrees=(3, 4)),
            None,
        ),
        Case("readings missing: no loss", lambda: example.unread(_example(1e-6, 1e-6)), None),
    ),
)
