"""DAT018: in a batch of transitions every next state is the state itself, to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

COMPARED, SAME = "states_compared", "same_states"
"""Details of a loss whose targets come from a copy of the network: that its input was compared with
the copy's, and whether both hold the same numbers in different memory."""
OFTEN = Threshold(3, "recorded steps in which all states are the same", "whole batches, not chance")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss is not None]
    known = [s for s in shots if s.loss is not None and s.loss.details.get(COMPARED)]
    same = [s for s in known if s.loss is not None and s.loss.details[SAME]]
    kinds = {s.loss.kind for s in same if s.loss is not None}
    if len(same) < OFTEN or len(same) < len(known) or not kinds <= REGRESSIONS:
        return
    yield RULE.finding(
        Severity.WARNING,
        "the next state of every transition is the state itself",
        site="input",
        step=same[0].step,
        measured=f"in {counted(len(same), 'recorded step')} the copy that gives the targets was "
        "given, in other memory, the very numbers whose action values are trained"
        f"{stream.course.remark}",
        expected="next states that differ from the states",
        certainty="exact, in all rows of these batches",
        causes=("other",),
        remedies=(_COPY, _LOOK),
        evidence={"steps": len(same)},
    )


_COPY = Remedy(
    "Let the environment return a copy of its state: what is changed in place changes in memory.",
    "return self.state.copy(), reward, done",
)
_LOOK = Remedy(
    "Look at a transition that was kept: state and next state should be two arrays.",
    "state, action, reward, next_state, done = memory[0]\nassert next_state is not state",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*same: bool, kind: str = "huber") -> Trace:
    known = example.regression([0.1, 0.2] * 150, update=1e-3, kind=kind)
    shots = tuple(
        replace(shot, loss=replace(shot.loss, details={COMPARED: 1.0, SAME: float(is_same)}))
        for shot, is_same in zip(known.snapshots, same, strict=True)
        if shot.loss
    )
    return replace(known, snapshots=shots)


_ALWAYS: Sequence[bool] = (True,) * 5

RULE = Rule(
    code="DAT018",
    name="next-state-is-the-state",
    title="Every next state is the state itself",
    why="The value of an action is learned from the reward and the value of the state it leads to. "
    "Where a memory holds one array twice, state and next state are always equal: the network "
    "learns nothing of what an action does, and mostly sees the states in which episodes ended.",
    sees="""
An environment that returns its state array itself and changes it in place: everything that was
kept of an episode shows its last state. A line that stores `state` twice does the same.
""",
    evidence="""
In a recorded step a copy of the network, or the network itself, ran without gradients on a batch of
the shape of that which is trained. In all recorded steps both batches are equal, in all rows and to
the bit, though they lie in different memory; the loss compares values chosen by an action.
""",
    ignore="""
A target network that is asked about the very same tensor (a distillation, a regularised target) is
left alone. An environment whose state never changes, such as a bandit, looks the same.
""",
    references=("Mnih et al. 2015, Human-level control through deep reinforcement learning",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"often": OFTEN},
    explains=(
        *("loss-flat", "constant-output", "labels-unrelated", "loss-oscillates"),
        "loss-diverges",
    ),
    cases=(
        Case("always", lambda: _example(*_ALWAYS), Severity.WARNING),
        Case(
            "always, squared errors",
            lambda: _example(*_ALWAYS, kind="squared_error"),
            Severity.WARNING,
        ),
        Case("near miss: once they differ", lambda: _example(True, True, False, True, True), None),
        Case(
            "near miss: a divergence from a teacher",
            lambda: _example(*_ALWAYS, kind="kl_divergence"),
            None,
        ),
        Case("they differ", lambda: _example(*[False] * 5), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*_ALWAYS)), None),
    ),
)
