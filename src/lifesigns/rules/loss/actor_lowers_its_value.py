"""LOS084: an actor's loss is the value that its critic gives, without a minus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.behind import is_behind
from lifesigns.evidence.bottomless import FEWEST, end
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.records import Finding, LossCurve, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

RAW, ANSWERS = "raw_output", "own_answers"
"""Details of a loss: the sign with which what a network puts out is minimised, if the loss is no
more than that; and that a copy of the network, or itself, was asked for the targets."""
BELOW = Threshold(
    0.1,
    "largest target, as a share of the size of their mean, called not above 0",
    "a value begins as the output of an untrained network",
)
SINKS = Threshold(2.0, "times its early size, below 0, at which the value ends", "it never turns")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding for each actor."""
    for actor in run.streams:
        if len(actor.losses) < FEWEST or not _lowers_output(actor):
            continue
        critic = next(
            (one for one in run.streams if one is not actor and _judges(one, actor)), None
        )
        if critic is not None and _sinks(actor):
            yield _finding(critic, actor)


def _lowers_output(actor: Stream) -> bool:
    signs = [reading.details.get(RAW, 0.0) for reading in actor.readings]
    return bool(signs) and all(sign > 0 for sign in signs)


def _judges(critic: Stream, actor: Stream) -> bool:
    """Whether a loss fits values of states, of costs alone, and the other is computed through it.

    Values that are costs are lowered on purpose: only what is below 0 are rewards for certain.
    """
    targets = critic.readings[-1].target if critic.readings else None
    if targets is None or critic.readings[-1].kind not in REGRESSIONS:
        return False
    mean, highest = float(targets.sums.mean.mean()), float(targets.sums.maximum.max())
    asks = any(ANSWERS in reading.details for reading in critic.readings)
    return asks and mean < 0 and highest <= -BELOW * mean and is_behind(critic, actor)


def _sinks(actor: Stream) -> bool:
    """Whether the value ends far below 0 and where it began."""
    losses = actor.losses[np.isfinite(actor.losses)]
    early = float(np.abs(losses[: max(len(losses) // 20, 1)]).mean())
    return end(losses) < -SINKS * early


def _finding(critic: Stream, actor: Stream) -> Finding:
    targets = critic.readings[-1].target
    mean = float(targets.sums.mean.mean()) if targets is not None else np.nan
    last = end(actor.losses)
    return RULE.finding(
        Severity.ERROR,
        "the actor's loss is the critic's value itself: minimised, it leads to the worst actions",
        site=actor.last.graph.sites[0].name if actor.last.graph.sites else "",
        step=actor.first.step,
        measured=f"the loss is the mean output of the critic, with a plus, and sinks to "
        f"{last:.3g}; the targets of the critic are below 0, {mean:.3g} in the mean, "
        "as values of penalties",
        expected="minus the critic's value, which is to rise",
        certainty="the sign is proved on the graph; that these are no costs, from their sign",
        causes=("wrong_loss",),
        remedies=(_MINUS,),
        evidence={"end": last, "targets": mean},
    )


_MINUS = Remedy(
    "Put a minus before the actor's loss: the critic's value is to become as large as it can.",
    "actor_loss = -critic(states, actor(states)).mean()",
    edit="raise-value",
)


# --- cases ----------------------------------------------------------------------------------------
_CRITIC = example.chain("linear", "relu", "linear/1", "mse_loss", batch=8)
_ACTOR = example.chain("linear", "relu", "linear", "relu", "linear/1", batch=8)


def _example(
    *, sign: float = 1.0, values: float = -9.0, asks: bool = True, last: float = -9.0
) -> Trace:
    """A critic whose targets are about these values, and an actor whose loss ends at `last`."""
    targets = values * np.linspace(0.8, 1.2, 8)[:, None]
    fits = LossReading(
        0.1,
        "squared_error",
        "mse_loss",
        fit=0.1,
        scale=1.0,
        target=example.target(targets),
        details={ANSWERS: 1.0} if asks else {},
    )
    acts = LossReading(0.0, "other", "mean", details={RAW: sign})
    shots = [
        replace(example.snapshot(graph, step=step, loss=loss), stream=stream)
        for step in (0, 50, 99)
        for stream, graph, loss in ((0, _CRITIC, fits), (1, _ACTOR, acts))
    ]
    curves = np.stack([np.geomspace(1.0, 0.1, 100), np.linspace(-0.1, last, 100)], 1).ravel()
    steps, turns = np.arange(200) // 2, np.arange(200) % 2
    return replace(example.trace(*shots), losses=LossCurve(steps, curves, turns))


RULE = Rule(
    code="LOS084",
    name="actor-lowers-its-value",
    title="An actor lowers the value of its own actions",
    why="The critic says how much reward an action will lead to. Optimizers minimise, so that the "
    "actor's loss has to be minus that: without it the actor looks for the worst action that there "
    "is, and the critic learns that everything is as bad.",
    sees="""
`critic(states, actor(states)).mean()` as the loss of an actor in a deterministic policy gradient
(DDPG, TD3), where a minus is missing. Both losses may fall.
""",
    evidence="""
Two losses in turn. One is the mean of what a network puts out, with a plus, and is computed through
all weights of the other and more. The other fits that network to targets for which a copy of it was
asked in the same step. These targets are below 0, so that they are values of penalties and not of
costs, and the first loss ends below 0 at twice its early size or more.
""",
    ignore="""
A critic of costs, whose values are above 0, is lowered on purpose, and so is a model of a data set
that no copy gives the targets for. Of rewards above 0 or of both signs nothing is said.
""",
    references=("Lillicrap et al. 2015, Continuous control with deep reinforcement learning",),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"fewest": FEWEST, "below": BELOW, "sinks": SINKS},
    explains=(
        "loss-diverges",
        "loss-flat",
        "dead-units",
        "saturated-units",
        "vanishing-gradient",
        "exploding-gradient",
        "unscaled-target",
        "falls-without-bottom",
    ),
    cases=(
        Case("a value of penalties is lowered", _example, Severity.ERROR),
        Case("a little below 0", lambda: _example(values=-0.5, last=-0.6), Severity.ERROR),
        Case("near miss: with a minus", lambda: _example(sign=-1.0), None),
        Case("near miss: values of costs", lambda: _example(values=9.0), None),
        Case("near miss: a model of a data set", lambda: _example(asks=False), None),
        Case("near miss: it does not sink", lambda: _example(last=-0.15), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
