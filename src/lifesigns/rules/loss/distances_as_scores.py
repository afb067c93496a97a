"""LOS075: a softmax of distances gives the nearest class the smallest probability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "distances"
"""The detail of a loss: of how many classes the distances are scores, without a minus."""
FEWEST = Threshold(2, "classes, of which one is the nearest", "arithmetic: of one there is none")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = [s for s in stream.snapshots if s.loss and s.loss.details.get(MARK, 0.0) >= FEWEST]
    if not marked or marked[0].loss is None:
        return
    classes = marked[0].loss.details[MARK]
    yield RULE.finding(
        stream.course.harm(HALF),
        "the scores are distances without a minus: the nearest class gets the smallest probability",
        step=marked[0].step,
        measured=f"the softmax of the loss reads distances to {classes:g} classes as they are"
        f"{stream.course.remark}",
        expected="scores that fall as the distance rises: minus the distance",
        certainty="proved on the graph",
        causes=("wrong_loss", "other"),
        remedies=(_MINUS,),
        evidence={"classes": classes},
    )


_MINUS = Remedy(
    "Put a minus before the distances.",
    "loss = F.cross_entropy(-torch.cdist(embedded, prototypes), classes)",
    edit="negate-scores",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(classes: int, losses: Sequence[float] = example.FLAT) -> Trace:
    """Scores that are distances to so many classes; 0 for other scores."""
    known = example.regression(losses, update=1e-3)
    return example.marked(known, {MARK: float(classes)} if classes else {})


RULE = Rule(
    code="LOS075",
    name="distances-as-scores",
    title="Distances are scores, without a minus",
    why="A softmax gives the largest score the largest probability. If the scores are distances, "
    "that is the class furthest away: training drives each sample from its own class, and what is "
    "nearest in the end is any class but the right one.",
    sees="""
A prototypical network, a classifier by nearest centres or a contrast of embeddings whose softmax
reads `torch.cdist(z, prototypes)`, or squares of differences, where minus these are meant. The loss
cannot leave that of chance if the centres are means of samples, and accuracy by the nearest class
may fall below chance.
""",
    evidence="""
The graph: a cross-entropy that is minimised reads a softmax, and what this reads are distances
(`cdist`, norms, or sums of squares or sizes of differences, also multiplied out), with positive
factors, roots, logarithms and views on the way and nothing else. An alarm unless the fit is good.
""",
    ignore="""
Where classes are told by the furthest of points that learn, it fits and is a note. A minus, a
reciprocal, a kernel, a margin less the distance, a factor that learns its sign and a layer behind
the distances are not reported; nor are cosines and products.
""",
    references=("Snell, Swersky & Zemel 2017, Prototypical Networks, equation 2",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fewest": FEWEST, "fit": HALF},
    explains=(
        *("labels-unrelated", "loss-flat", "stopped-early", "constant-output", "rate-too-low"),
        *("embeddings-collapse", "loss-diverges", "loss-oscillates", "rate-too-high"),
        *("vanishing-gradient", "zero-gradient", "dead-units", "one-sided-inputs"),
    ),
    cases=(
        Case("five classes", lambda: _example(5), Severity.WARNING),
        Case(
            "it hardly learns",
            lambda: _example(20, [1.0] * 20 + [0.9] * 80),
            Severity.WARNING,
        ),
        Case("near miss: minus the distances", lambda: _example(0), None),
        Case("near miss: it fits", lambda: _example(5, example.FALLING), None),
        Case("near miss: one class", lambda: _example(1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(5)), None),
    ),
)
