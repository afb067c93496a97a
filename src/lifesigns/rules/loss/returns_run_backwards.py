"""LOS081: the returns of an episode stand in the reverse order of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

EPISODE, RISING = "episode", "rising_by"
"""Details of a loss: the steps of an episode whose log-probabilities are weighed one by one, and
the factor from one rise of the weights to the next where it is the same all along, else 0."""
FEWEST = Threshold(
    3, "recorded steps with an episode, all of which rise", "three of any course do not agree"
)
ALIKE = Threshold(0.01, "range of the factor over the episodes", "one discount is used in all")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = stream.marked(EPISODE)
    factors = [one.details[RISING] for one in known]
    if len(factors) < FEWEST or not all(factors) or np.ptp(factors) > ALIKE:
        return
    factor = float(np.median(factors))
    yield RULE.finding(
        Severity.ERROR,
        "the returns stand in reverse: the last action of an episode gets that of the first",
        step=known[0].step,
        measured=f"in {len(known)} recorded episodes the weights of the log-probabilities rise "
        f"from the first step to the last, each time by {factor:.3g} of the rise before: the "
        "course of a sum of rewards up to the step",
        expected="weights that are sums of the rewards from the step on: with equal rewards they "
        "change the more, the nearer the end is",
        certainty="exact, all along these episodes",
        causes=("wrong_loss", "wrong_labels"),
        remedies=(_INSERT,),
        evidence={"factor": factor, "episodes": len(known)},
    )


_INSERT = Remedy(
    "Put each return in front of those after it, or reverse the list in the end.",
    "returns.insert(0, R)  # the rewards are gone through from the last one on",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*factors: float, losses: Sequence[float] = example.FLAT) -> Trace:
    known = example.marked(example.regression(losses, update=1e-3), {EPISODE: 20.0})
    shots = tuple(
        replace(shot, loss=replace(shot.loss, details={**shot.loss.details, RISING: factor}))
        for shot, factor in zip(known.snapshots, factors, strict=False)
        if shot.loss
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="LOS081",
    name="returns-run-backwards",
    title="The returns of an episode run backwards",
    why="What an action is worth are the rewards that follow it. Returns are added up from the end "
    "of an episode, and a list that they are appended to begins with the last one: the first "
    "action is then judged by the end, and the last by everything before it.",
    sees="""
`returns.append(R)` in a loop over `rewards[::-1]`, where `returns.insert(0, R)` or a reversal
afterwards was meant. With a reward for every step the last actions before a failure get the most
praise, and episodes become shorter.
""",
    evidence="""
Each log-probability of an episode is made by a call of its own, so that autograd knows the order of
the steps. In all recorded episodes their weights rise, and each rise is the same factor below 1
times the one before, as exactly as float32 allows: what a discounted sum of equal rewards does from
its beginning. Returns of equal rewards change by more and more towards the end.
""",
    ignore="""
Rewards that differ from step to step give returns of any course, and are not judged. Equal costs
whose returns are discounted once more by the time since the start, and centred, look the same.
""",
    references=("Sutton & Barto 2018, Reinforcement Learning, section 13.3: REINFORCE",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fewest": FEWEST, "alike": ALIKE},
    explains=(
        "loss-flat",
        "loss-diverges",
        "loss-oscillates",
        "constant-output",
        "exploding-gradient",
        "vanishing-gradient",
        "unscaled-input",
    ),
    cases=(
        Case("in all episodes", lambda: _example(0.98, 0.98, 0.981, 0.98), Severity.ERROR),
        Case("in three of them", lambda: _example(0.9, 0.9, 0.9), Severity.ERROR),
        Case("near miss: in all but one", lambda: _example(0.98, 0.98, 0.0, 0.98), None),
        Case("near miss: of different factors", lambda: _example(0.98, 0.5, 0.98), None),
        Case("near miss: two episodes", lambda: _example(0.98, 0.98), None),
        Case("other courses", lambda: _example(0.0, 0.0, 0.0, 0.0), None),
        Case(
            "readings missing: no loss",
            lambda: example.unread(_example(0.98, 0.98, 0.98)),
            None,
        ),
    ),
)
