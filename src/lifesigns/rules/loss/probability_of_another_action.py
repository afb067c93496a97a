"""LOS082: returns weigh log-probabilities of actions that were never taken."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "unheld_actions"
"""The detail of a loss: how many log-probabilities it weighs belong to samples that were drawn in
the argument of `log_prob`, and that nothing else holds."""
OFTEN = Threshold(2, "recorded steps with such samples", "the program is the same each time")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = stream.marked(MARK)
    if len(marked) < OFTEN:
        return
    count = marked[0].details[MARK]
    yield RULE.finding(
        Severity.ERROR,
        "the log-probabilities are those of newly drawn actions, not of the actions taken",
        step=marked[0].step,
        measured=f"{count:g} log-probabilities of the loss are of samples that were drawn in the "
        f"argument of log_prob and are held by nothing else, in {len(marked)} recorded steps",
        expected="the log-probabilities of the actions that led to the rewards",
        certainty="exact: no variable held these samples when they were asked about",
        causes=("wrong_loss", "wrong_labels"),
        remedies=(_KEEP,),
        evidence={"actions": count, "steps": len(marked)},
    )


_KEEP = Remedy(
    "Draw each action once, and use it for the environment as well as for its log-probability.",
    "action = chances.sample()\nlog_prob = chances.log_prob(action)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(count: float, losses: Iterable[float] = example.FLAT) -> Trace:
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked(known, {MARK: count} if count else {})


RULE = Rule(
    code="LOS082",
    name="probability-of-another-action",
    title="Returns weigh the log-probability of another action",
    why="The return says how good the action was that was taken. Multiplied with the probability "
    "of an action that was drawn anew it praises and blames at random, and what is left in the "
    "mean is no gradient at all.",
    sees="""
`chances.log_prob(chances.sample())` in a policy gradient, in the step of the agent or in the update
after an episode: each call of `sample` draws another action. The loss looks as usual.
""",
    evidence="""
In recorded steps the calls of `sample` and `log_prob` of torch's distributions are noted. A
log-probability that the loss multiplies with data belongs to a sample that was drawn in the same
place of the program and that no variable, list or attribute held at that time.
""",
    ignore="""
An action in a variable may have been taken, and so may one that a function returns; estimates of an
entropy or a divergence are not multiplied with data. None of them is reported. A second sample that
has a name of its own is not told from the first.
""",
    references=("Sutton & Barto 2018, Reinforcement Learning, section 13.3: REINFORCE",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"often": OFTEN},
    explains=(
        "loss-flat",
        "loss-diverges",
        "loss-oscillates",
        "constant-output",
        "exploding-gradient",
        "vanishing-gradient",
        "constant-features",
    ),
    cases=(
        Case("all of a batch", lambda: _example(128), Severity.ERROR),
        Case("a loss that falls", lambda: _example(32, example.FALLING), Severity.ERROR),
        Case("near miss: actions in a variable", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(128)), None),
    ),
)
