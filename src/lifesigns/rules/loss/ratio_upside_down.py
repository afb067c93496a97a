"""LOS080: a policy's ratio divides the old probability by the new one."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "inverted_ratios"
"""The detail of a loss: how many probabilities are divided the wrong way round."""
OFTEN = Threshold(2, "recorded steps whose ratio is upside down", "the graph is the same each time")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = stream.marked(MARK)
    if len(marked) < OFTEN:
        return
    count = marked[0].details[MARK]
    yield RULE.finding(
        Severity.ERROR,
        "the ratio of the policy's loss is exp(old - new): good actions become less probable",
        step=marked[0].step,
        measured=f"in {len(marked)} of {len(stream.readings)} recorded steps the log-probabilities "
        f"of {count:g} actions are subtracted before the exponential that advantages are "
        "multiplied with",
        expected="exp(new - old), which grows with the probability of the action",
        certainty="proved on the graph",
        causes=("wrong_loss",),
        remedies=(_TURNED,),
        evidence={"ratios": count, "steps": len(marked)},
    )


_TURNED = Remedy(
    "Subtract the old log-probability from the new one.",
    "ratio = torch.exp(new_log_prob - old_log_prob)",
    edit="turn-ratio",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(count: float, losses: Iterable[float] = example.FLAT) -> Trace:
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked(known, {MARK: count} if count else {})


RULE = Rule(
    code="LOS080",
    name="ratio-upside-down",
    title="The ratio of a policy's probabilities is upside down",
    why="The surrogate loss is the ratio of the new probability to the old one times the "
    "advantage, so that what went well becomes more probable. Of the inverse ratio the gradient "
    "has the other sign: the policy learns to do what went badly.",
    sees="""
`torch.exp(old_log_prob - new_log_prob)` in proximal policy optimisation or another off-policy
gradient. A clipped loss looks as usual, and the critic's part of it may fall.
""",
    evidence="""
The graph of a recorded step: an exponential is taken of data minus the log-probability of a policy
(a picked logarithm of a softmax, the exponent of a normal distribution, minus a cross-entropy), it
is about 1 in the median, and it is multiplied with data of both signs, clipped or not.
""",
    ignore="""
A divergence from a reference policy, `exp(ref - new) - (ref - new) - 1`, is not multiplied with
advantages, and weights of one sign are no advantages: neither is reported.
""",
    references=("Schulman et al. 2017, Proximal Policy Optimization Algorithms, equation 6",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"often": OFTEN},
    explains=(
        "loss-flat",
        "loss-diverges",
        "loss-oscillates",
        "constant-output",
        "one-loss-unlearned",
        "exploding-gradient",
        "vanishing-gradient",
        "data-term-cut-off",
    ),
    cases=(
        Case("old over new", lambda: _example(128), Severity.ERROR),
        Case("a loss that falls", lambda: _example(32, example.FALLING), Severity.ERROR),
        Case("near miss: new over old", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(128)), None),
    ),
)
