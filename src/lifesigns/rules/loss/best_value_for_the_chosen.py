"""LOS066: a squared error of the largest output, where that of the chosen action is wanted."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK, ASKED = "best_value", "asked_for_targets"
"""Details of a loss that compares the largest of a network's outputs: how many there are, and that
the network or a copy of it was asked for the targets in the same step."""
STEPS = Threshold(1, "recorded steps that show it", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = [s for s in stream.snapshots if s.loss and MARK in s.loss.details]
    if len(marked) < STEPS:
        return
    asked = [s for s in marked if s.loss and ASKED in s.loss.details]
    if not asked and stream.course.gain > HALF:
        return  # a maximum of planes is a function like any other
    units = marked[0].loss.details[MARK] if marked[0].loss else 0.0
    yield RULE.finding(
        Severity.WARNING,
        f"the loss compares the largest of {units:g} outputs, whatever was chosen",
        step=marked[0].step,
        measured=f"the maximum over the units of the network's output meets the target in "
        f"{len(marked)} of {len(stream.readings)} recorded steps{stream.course.remark}",
        expected="where outputs are values of actions, that of the action that was taken",
        certainty="proved on the graph; that the outputs are values of actions is "
        + ("likely: a network is asked for the targets" if asked else "not known"),
        causes=("wrong_loss",),
        remedies=(_PICK,),
        evidence={"units": units},
    )


_PICK = Remedy(
    "Pick the value of the action that led to the target.",
    "q = q_net(states).gather(1, actions.unsqueeze(1)).squeeze(1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(units: int, losses: Iterable[float] = example.FALLING, *, asked: bool = True) -> Trace:
    """A squared error of the largest of so many outputs; 0 for one that is picked."""
    known = example.regression(tuple(losses), update=1e-3)
    asking = {ASKED: 1.0} if asked else {}
    return example.marked(known, {MARK: float(units), **asking} if units else {})


RULE = Rule(
    code="LOS066",
    name="best-value-for-the-chosen",
    title="The largest output is trained, not that of the chosen action",
    why="In Q-learning a target tells what came of one action, and only its output may be moved "
    "towards it. Where the largest output is moved instead, whatever was chosen, all actions are "
    "worth the same and none is learned.",
    sees="""
Q-learning with `q_net(states).max(1)[0]` for `q_net(states).gather(1, actions)`. The loss falls, as
the largest output follows the mean of all targets, and the agent does not get better.
""",
    evidence="""
The graph: what a squared error, Huber's or an absolute error compares with its target is the
maximum over the units of the output that the network returned, made by a linear layer. And either
the network, or a copy of it, is asked for the targets without gradients in the same step, or the
loss stays above half of what a constant prediction reaches.
""",
    ignore="""
A maximum inside the network (pooling, maxout) is part of it; one over instances, places or times is
not over units. A maximum of planes that is fitted to given targets (convex regression) is a
function like any other, and learns. The maximum in the target itself has no gradient and is right.
""",
    references=("Mnih et al. 2015, Human-level control through deep reinforcement learning",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "half": HALF},
    explains=("stopped-early", "dead-units", "constant-output", "loss-flat", "one-answer-counts"),
    cases=(
        Case("the largest of four", lambda: _example(4), Severity.WARNING),
        Case("a loss that stays", lambda: _example(2, example.FLAT), Severity.WARNING),
        Case(
            "a loss that stays, of rewards alone",
            lambda: _example(4, example.FLAT, asked=False),
            Severity.WARNING,
        ),
        Case("near miss: a maximum of planes", lambda: _example(24, asked=False), None),
        Case("near miss: an output that is picked", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(4)), None),
    ),
)
