"""LOS067: the logarithm of a mean likelihood, where the mean of logarithms is wanted."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "log_of_mean"
"""The detail of a loss: over how many likelihoods the mean is taken before the logarithm."""
FEWEST = Threshold(
    2, "samples of whose likelihoods the mean is taken", "arithmetic: of one it is itself"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = [s for s in stream.snapshots if s.loss and s.loss.details.get(MARK, 0.0) >= FEWEST]
    if not marked:
        return
    count = marked[0].loss.details[MARK] if marked[0].loss else 0.0
    yield RULE.finding(
        Severity.WARNING,
        "the loss is the logarithm of a mean likelihood, not the mean of logarithms",
        step=marked[0].step,
        measured=f"the mean of {count:g} likelihoods, one for each sample, comes before the "
        f"logarithm in {len(marked)} of {len(stream.readings)} recorded steps"
        f"{stream.course.remark}",
        expected="a logarithm of each likelihood, and the mean of these",
        certainty="proved on the graph",
        causes=("wrong_loss",),
        remedies=(_EACH,),
        evidence={"likelihoods": count},
    )


_EACH = Remedy(
    "Take the logarithm of each sample's likelihood first.",
    "loss = -torch.log(p + 1e-8).mean()",
    edit="log-each",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(count: int, losses: Iterable[float] = example.FALLING) -> Trace:
    """The logarithm of the mean of so many likelihoods; 0 for a mean of logarithms."""
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked(known, {MARK: float(count)} if count else {})


RULE = Rule(
    code="LOS067",
    name="log-of-mean",
    title="The logarithm of a mean likelihood",
    why="A sample that is thought impossible should cost most, and the logarithm of its own "
    "likelihood sees to that. In a mean it hardly counts, and the samples that fit already are "
    "made more likely for ever.",
    sees="""
`-torch.log(p.mean())` for `-torch.log(p).mean()`, in a mixture density network or a classifier by
hand. The loss falls, often below 0, while some samples become impossible.
""",
    evidence="""
The graph: a term of the loss is minus the logarithm of a mean over the samples of a batch, and what
the mean is taken of are densities (exponentials with a factor, summed over the components of a
mixture) or probabilities that were picked from a softmax.
""",
    ignore="""
The probability of a bag that is the mean over its instances (multiple-instance learning), where all
are picked for one label. A bound that takes the mean over importance samples, a log-mean-exp that
is added, and the mean of an overlap are of another form and are not reported.
""",
    references=("Bishop 1994, Mixture density networks, equation 29",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fewest": FEWEST},
    explains=(
        "stopped-early",
        "loss-flat",
        "zero-gradient",
        "exploding-gradient",
        "loss-diverges",
        "loss-oscillates",
        "non-finite-origin",
    ),
    cases=(
        Case("a batch of a hundred", lambda: _example(100), Severity.WARNING),
        Case("a loss that stays", lambda: _example(32, example.FLAT), Severity.WARNING),
        Case("near miss: a mean of logarithms", lambda: _example(0), None),
        Case("near miss: instances that share a label", lambda: _example(0), None),
        Case("near miss: of one likelihood", lambda: _example(1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(100)), None),
    ),
)
