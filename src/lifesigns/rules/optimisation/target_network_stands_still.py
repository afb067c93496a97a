"""OPT011: a copy that gives the targets is still the random network it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "copy_stands_still"
"""The detail of a loss beside which a copy ran that has never changed."""
LONG = Threshold(
    1000, "steps after which a target network is expected to have followed", "usual: 1 to 1,000"
)
OFTEN = Threshold(3, "recorded steps in which the copy ran", "the first and the last among them")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss is not None and s.reason == "scheduled"]
    marked = [s for s in shots if s.loss is not None and s.loss.details.get(MARK)]
    kinds = {s.loss.kind for s in marked if s.loss is not None}
    if len(marked) < OFTEN or marked[-1] is not shots[-1] or not kinds <= REGRESSIONS:
        return
    steps = stream.trace.steps if stream.trace.standing else marked[-1].step
    if steps < LONG:
        return
    yield RULE.finding(
        Severity.WARNING,
        "a copy of the network gives targets, and has not changed since both were made",
        step=marked[0].step,
        measured=f"a module ran in {counted(len(marked), 'recorded step')}, leads to no gradient, "
        "was equal to the network to the bit at first, with weights as torch draws them, and is "
        f"the same after {steps:,} steps{stream.course.remark}",
        expected="a target network that follows the trained one, at once or by and by",
        certainty="exact, by norms; that targets come from it is likely",
        causes=("frozen", "other"),
        remedies=(_COPY, _FOLLOW),
        evidence={"steps": steps},
    )


_COPY = Remedy(
    "Copy the weights every few hundred steps; look whether the line that does is ever reached.",
    "if step % 200 == 0:\n    target_net.load_state_dict(policy_net.state_dict())",
)
_FOLLOW = Remedy(
    "Or let the copy follow a little in each step.",
    "for t, p in zip(target_net.parameters(), policy_net.parameters()):\n"
    "    t.data.lerp_(p.data, 0.005)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*still: bool, steps: int = 2000, kind: str = "huber") -> Trace:
    known = example.regression([0.1, 0.2] * (steps // 2), update=1e-3, kind=kind)
    shots = tuple(
        replace(shot, loss=replace(shot.loss, details={MARK: 1.0} if stands else {}))
        for shot, stands in zip(known.snapshots, still, strict=True)
        if shot.loss
    )
    return replace(known, snapshots=shots, standing=("QNetwork",) if all(still) else ())


_ALWAYS: Sequence[bool] = (True,) * 5

RULE = Rule(
    code="OPT011",
    name="target-network-stands-still",
    title="A copy that gives the targets is still random",
    why="Targets made of the outputs of a copy are right only as far as the copy is. One that "
    "stays as it was drawn says nothing of what comes later, and the network learns its noise.",
    sees="""
Q-learning whose target network is copied once: the line that copies again is never reached (a count
that is reset, a period longer than the run) or copies the wrong way.
""",
    evidence="""
A module that ran and leads to no gradient was equal to the trained network to the bit when it was
first seen, its weights within the bounds of torch's own initialisation, and has the same norms in
every recorded step since and at the end of the run; the loss compares numbers with targets.
""",
    ignore="""
A reference that came trained, as for a divergence from a language model's first state, has weights
beyond those bounds. A mean of the weights, or a copy that follows now and then, changes. A run
shorter than a thousand steps may not have come to its first copy.
""",
    references=("Mnih et al. 2015, Human-level control through deep reinforcement learning",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"long": LONG, "often": OFTEN},
    explains=("loss-diverges", "loss-oscillates", "loss-flat"),
    cases=(
        Case("never copied", lambda: _example(*_ALWAYS), Severity.WARNING),
        Case(
            "never copied, squared errors",
            lambda: _example(*_ALWAYS, kind="squared_error"),
            Severity.WARNING,
        ),
        Case(
            "near miss: copied at last",
            lambda: _example(True, True, True, True, False),
            None,
        ),
        Case("near miss: a short run", lambda: _example(*_ALWAYS, steps=400), None),
        Case(
            "a divergence from a reference",
            lambda: _example(*_ALWAYS, kind="kl_divergence"),
            None,
        ),
        Case("readings missing: no loss", lambda: example.unread(_example(*_ALWAYS)), None),
    ),
)
