"""LOS081: the returns of episodes stand in the reverse order of their steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

EPISODE, RISING = "episode", "rising_by"
"""Details of a loss: the steps of the episodes whose log-probabilities are weighed, and the factor
from one rise of the weights to the next where it is the same all along each episode, else 0."""
FIRSTS, LASTS = "firsts_apart", "lasts_apart"
"""Where the order of the steps is not known: the variance of the rows with the first weights of the
episodes, and of those with the last ones."""
FEWEST = Threshold(
    3, "recorded steps with an episode, all of which rise", "three of any course do not agree"
)
ALIKE = Threshold(0.01, "range of the factor over the episodes", "one discount is used in all")
FOCUSED = Threshold(
    0.25, "variance of the first rows over that of the last", "convention: half as far apart"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = stream.marked(EPISODE)
    factors = [one.details[RISING] for one in known]
    if len(factors) < FEWEST or not all(factors) or np.ptp(factors) > ALIKE:
        return
    ordered = [_in_order(one.details) for one in known]
    if sum(ordered) < FEWEST or min(ordered) < 0:
        return
    factor, rows = float(np.median(factors)), FIRSTS in known[0].details
    yield RULE.finding(
        Severity.ERROR,
        "the returns stand in reverse: the last action of an episode gets that of the first",
        step=known[0].step,
        measured=f"in {len(known)} recorded {'batches of episodes' if rows else 'episodes'} the "
        "weights of the log-probabilities rise from the first step to the last, each time by "
        f"{factor:.3g} of the rise before: the course of a sum of rewards up to the step",
        expected="weights that are sums of the rewards from the step on: with equal rewards they "
        "change the more, the nearer the end is",
        certainty="exact, all along these episodes"
        + ("; their first states are nearer to one another than their last" if rows else ""),
        causes=("wrong_loss", "wrong_labels"),
        remedies=(_INSERT,),
        evidence={"factor": factor, "episodes": len(known)},
    )


def _in_order(details: Mapping[str, float]) -> int:
    """1 where steps are in the order of time, -1 where they run backwards, 0 where none knows."""
    first, last = details.get(FIRSTS, 0.0), details.get(LASTS, 1.0)
    return int(first < FOCUSED * last) - int(last < FOCUSED * first)


_INSERT = Remedy(
    "Put each return in front of those after it, or reverse the list in the end.",
    "returns.insert(0, R)  # the rewards are gone through from the last one on",
    edit="turn-returns",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *factors: float,
    losses: Sequence[float] = example.FLAT,
    apart: tuple[float, float] | None = None,
) -> Trace:
    """Recorded steps with these factors; joined episodes have ends so far apart."""
    ends = {} if apart is None else dict(zip((FIRSTS, LASTS), apart, strict=True))
    known = example.marked(example.regression(losses, update=1e-3), {EPISODE: 20.0, **ends})
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
its beginning. Returns of equal rewards change by more and more towards the end. Where the states of
several episodes are one batch, those with the lowest weights are near to one another, as a reset
leaves them, and those with the highest are not.
""",
    ignore="""
Rewards that differ from step to step give returns of any course, and are not judged. Equal costs
whose returns are discounted once more by the time since the start, and centred, look the same.
""",
    references=("Sutton & Barto 2018, Reinforcement Learning, section 13.3: REINFORCE",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fewest": FEWEST, "alike": ALIKE, "focused": FOCUSED},
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
        Case(
            "of joined episodes",
            lambda: _example(0.98, 0.98, 0.98, apart=(0.01, 1.0)),
            Severity.ERROR,
        ),
        Case(
            "near miss: rows in reverse, too",
            lambda: _example(0.98, 0.98, 0.98, apart=(1.0, 0.01)),
            None,
        ),
        Case(
            "near miss: rows of no order",
            lambda: _example(0.98, 0.98, 0.98, apart=(0.8, 1.1)),
            None,
        ),
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
