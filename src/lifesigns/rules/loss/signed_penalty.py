"""LOS065: a penalty adds up weights as they are, so that it is lowest at minus infinity."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WEIGHTS, SUM, BELOW = "signed_weights", "signed_sum", "signed_below"
"""Details of a loss: weights that a penalty adds up, what it is then, how many are below 0."""
ANY = Threshold(1, "weights below 0 that lower the penalty", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = stream.marked(WEIGHTS)
    if not marked:
        return
    (step, first), (_, last) = marked[0], marked[-1]
    weights, below = last[WEIGHTS], last[BELOW]
    if below < ANY:  # weights that are kept above 0 are their own size
        return
    yield RULE.finding(
        Severity.WARNING,
        "a penalty is the plain sum of weights, and has no minimum",
        step=step,
        measured=f"{weights:g} weights are added up as they are, {below / weights:.0%} of them "
        f"below 0; the penalty was {first[SUM]:.3g} at the first recorded step, and "
        f"{last[SUM]:.3g} at the last{stream.course.remark}",
        expected="a penalty that is lowest at weights of 0",
        certainty="proved on the graph",
        causes=("wrong_loss",),
        remedies=(_SIZES, _SQUARES),
        evidence={"weights": weights, "below": below, "penalty": last[SUM]},
    )


_SIZES = Remedy(
    "Add up the sizes of the weights.",
    "penalty = sum(p.abs().sum() for p in model.parameters())",
    edit="sum-of-sizes",
)
_SQUARES = Remedy(
    "Or their squares, which leave few of them at exactly 0.",
    "penalty = sum(p.square().sum() for p in model.parameters())",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(below: float | None) -> Trace:
    """A penalty on a hundred weights, of which so many are below 0; None for one of sizes."""
    marks = {} if below is None else {WEIGHTS: 100.0, SUM: -0.4, BELOW: below}
    return example.marked(example.regression(example.FALLING, update=1e-3), marks)


RULE = Rule(
    code="LOS065",
    name="signed-penalty",
    title="A penalty that is a plain sum of weights",
    why="A sum of weights falls for ever as they go to minus infinity, and its gradient is the same"
    " for each of them, large or small. It makes no weight small, and moves all of them one way.",
    sees="""
An L1 penalty by hand as `sum(p.sum() for p in model.parameters())`, without `abs`. The loss falls
below what the data allow, and may become negative.
""",
    evidence="""
The graph: a term of the loss leads to the matrices of linear layers or to the kernels of
convolutions through sums, means and numbers alone. Then the values: some of them are below 0.
""",
    ignore="""
Weights that are kept above 0 are their own sizes. Where another term holds the same weights by
their size or square, as in `|w| - w`, which punishes those below 0, the whole has a minimum. A
number that is learned, such as the logarithm of a variance, a scale of a flow or a multiplier, may
be a term by itself: only weights of linear maps are looked at.
""",
    references=("Tibshirani 1996, Regression shrinkage and selection via the lasso",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"any": ANY},
    explains=("stopped-early", "penalty-outweighs-data"),
    cases=(
        Case("half of them below 0", lambda: _example(50), Severity.WARNING),
        Case("one below 0", lambda: _example(1), Severity.WARNING),
        Case("near miss: kept above 0", lambda: _example(0), None),
        Case("near miss: sizes less the weights", lambda: _example(None), None),
        Case("near miss: a penalty of sizes", lambda: _example(None), None),
        Case("readings missing: no loss", lambda: example.unread(_example(50)), None),
    ),
)
