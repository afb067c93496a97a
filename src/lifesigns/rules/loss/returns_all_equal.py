"""LOS087: no reward differs from another, so that no action is better than the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, LossCurve, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WEIGHED, LIGHTEST, HEAVIEST = "weighed", "lightest", "heaviest"
"""Details of a loss: log-probabilities that are weighed with data, and between which numbers."""
LOWEST, HIGHEST = "lowest_return", "highest_return"
"""Between which numbers a critic's targets lie, where the weights are its answers turned round."""
BESIDE = "weighed_beside"
"""Whether the loss compares something with targets as well, or weights may be a mask."""
NUMBERS = frozenset({"squared_error", "absolute_error", "huber"})
STEPS = Threshold(4, "recorded steps that show it", "rewards may be rare at first")


class _Equal(NamedTuple):
    """What is one number in all recorded steps."""

    stream: Stream
    value: float
    of_critic: bool


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding per loss that weighs log-probabilities."""
    for stream in run.streams:
        weighed = stream.marked(WEIGHED)
        is_whole = len(weighed) == len(stream.readings) >= STEPS
        if not is_whole or stream.course.steps < ENOUGH_STEPS:
            continue
        found = _of_critic(stream) or _of_weights(stream) or _of_others(stream, run.streams)
        if found is not None:
            yield _finding(stream, found)


def _of_critic(stream: Stream) -> _Equal | None:
    """The returns in the same loss as the policy."""
    known = [one.details for one in stream.marked(LOWEST)]
    if len(known) < len(stream.readings):
        return None
    ends = {one[end] for one in known for end in (LOWEST, HIGHEST)}
    return _Equal(stream, ends.pop(), True) if len(ends) == 1 else None


def _of_weights(stream: Stream) -> _Equal | None:
    """Weights that are 0, in a loss that is nothing but these."""
    known = [one.details for one in stream.marked(WEIGHED)]
    other = not stream.is_alone or any(one.get(BESIDE) for one in known)
    zero = all(one[LIGHTEST] == one[HEAVIEST] == 0 for one in known)
    return _Equal(stream, 0.0, False) if zero and not other else None


def _of_others(stream: Stream, streams: Sequence[Stream]) -> _Equal | None:
    """The targets of the losses that take turns with the policy's."""
    others = [other for other in streams if other is not stream]
    if stream.is_alone or not others:
        return None
    values = {_only_target(loss) for other in others for loss in other.readings}
    value = values.pop() if len(values) == 1 else None
    steps = min(len(other.readings) for other in others)
    return None if value is None or steps < STEPS else _Equal(others[0], value, True)


def _only_target(loss: LossReading) -> float | None:
    """The number that all targets of a regression are; None for others."""
    target = loss.target
    if target is None or loss.kind not in NUMBERS or loss.others or loss.penalised:
        return None
    if target.sums.units != 1 or target.sums.count.max(initial=0) < STEPS:
        return None
    low, high = float(target.sums.minimum[0]), float(target.sums.maximum[0])
    return low if low == high else None


def _finding(stream: Stream, found: _Equal) -> Finding:
    weighed = stream.marked(WEIGHED)
    measured = (
        f"in {len(weighed)} recorded steps all targets of the critic are {found.value:.3g}, while "
        f"the loss weighs {weighed[-1].details[WEIGHED]:g} log-probabilities with what the critic "
        "leaves of them"
        if found.of_critic
        else f"in {len(weighed)} recorded steps all of the weights of the log-probabilities are 0, "
        f"{weighed[-1].details[WEIGHED]:g} of them in the last"
    )
    return RULE.finding(
        Severity.WARNING,
        "no reward differs: all returns are one number, and no action is better than another",
        step=weighed[0].step,
        measured=measured,
        expected="returns that differ from step to step, as sums of what follows do",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_labels", "wrong_loss", "other"),
        remedies=(_RETURNS, _REWARDS),
        evidence={"returns": found.value, "batches": len(weighed)},
    )


_RETURNS = Remedy(
    "Add up the rewards as they are, and standardise the returns: rewards that are all equal are 0 "
    "once their mean is taken off.",
    "returns = discount(rewards, gamma)\n"
    "returns = (returns - returns.mean()) / (returns.std() + 1e-8)",
)
_REWARDS = Remedy(
    "Look whether any reward was found: if none was, explore more, or reward what leads to it.",
    "print(rewards.min(), rewards.max())",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*returns: tuple[float, float], steps: int = 100, **marks: float) -> Trace:
    """An actor and its critic, whose returns lie between these numbers; other details as given."""
    known = example.regression((0.5,) * steps, update=1e-3)
    details = {WEIGHED: 40.0, LIGHTEST: -1.0, HEAVIEST: 2.0, BESIDE: 1.0, **marks}
    shots = (
        replace(
            shot,
            loss=replace(
                shot.loss,
                details={**details, **dict(zip((LOWEST, HIGHEST), ends, strict=False))},
            ),
        )
        for shot, ends in zip(known.snapshots, returns or ((),) * 5, strict=False)
        if shot.loss
    )
    return replace(known, snapshots=tuple(shots))


def _weights(lightest: float, heaviest: float, beside: float = 0.0) -> Trace:
    """A policy without a critic, whose log-probabilities get weights between these numbers."""
    marks: dict[str, Any] = {LIGHTEST: lightest, HEAVIEST: heaviest, BESIDE: beside}
    return _example(**marks)


def _in_turn(*targets: float) -> Trace:
    """The loss of a policy, and one of its critic with these targets, in turn."""
    policy = _example()
    made = example.target(np.resize(targets, (40, 1)))
    critic = LossReading(0.5, "squared_error", "mse_loss", target=made)
    shots = [
        replace(shot, loss=loss, stream=stream)
        for shot in policy.snapshots
        for stream, loss in enumerate((shot.loss, critic))
    ]
    steps, turns = np.arange(200) // 2, np.arange(200) % 2
    return replace(
        policy, snapshots=tuple(shots), losses=LossCurve(steps, np.full(200, 0.5), turns)
    )


_ZERO = (0.0, 0.0)
RULE = Rule(
    code="LOS087",
    name="returns-all-equal",
    title="Returns that are all one number",
    why="A policy learns from what one action brought more than another. Returns that are all "
    "equal prefer none: the critic learns this number, what it leaves of them goes to 0, and what "
    "the policy got until then is the error of the critic alone.",
    sees="""
Rewards standardised before they are discounted, where each step gives 1: all of them are 0 then,
and so is every sum. Rewards that an environment never gives, or that are cut off or overwritten on
their way. The critic's loss falls to 0 all the same.
""",
    evidence="""
The loss multiplies log-probabilities of actions, or ratios of probabilities, with data. In all
recorded batches the targets of the critic beside it are one number, the same in each, and the
weights are the critic's own answers turned round; or the critic has a loss of its own that takes
turns with the policy's, and its targets are one number. Without a critic: all weights are 0.
""",
    ignore="""
A batch of one episode has equal returns where only its end is rewarded: another has others. Weights
of 0 leave a loss out where another is trained beside it, as that of labels a network is not sure
of. Before the fortieth step nothing is said: a rare reward may not have been found yet.
""",
    references=("Sutton & Barto 2018, Reinforcement Learning, section 13.4: a baseline",),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"steps": STEPS, "enough": ENOUGH_STEPS},
    explains=(
        *("constant-output", "labels-unrelated", "loss-flat", "loss-oscillates", "rate-too-low"),
        *("stopped-early", "vanishing-gradient", "zero-gradient", "loss-without-content"),
    ),
    cases=(
        Case("0 in all batches", lambda: _example(*(_ZERO,) * 5), Severity.WARNING),
        Case("1 in four", lambda: _example(*((1.0, 1.0),) * 4), Severity.WARNING),
        Case("weights of 0, without a critic", lambda: _weights(0.0, 0.0), Severity.WARNING),
        Case("of a critic that takes turns", lambda: _in_turn(0.0), Severity.WARNING),
        Case("near miss: its targets differ", lambda: _in_turn(0.0, 1.0), None),
        Case("near miss: a reward in the last", lambda: _example(*(_ZERO,) * 4, (0.0, 1.0)), None),
        Case("near miss: one number in each", lambda: _example(*((1.0, 1.0),) * 4, _ZERO), None),
        Case("near miss: three batches", lambda: _example(*(_ZERO,) * 3), None),
        Case("a short run", lambda: _example(*(_ZERO,) * 5, steps=30), None),
        Case("weights of 0 beside a loss", lambda: _weights(0.0, 0.0, beside=1.0), None),
        Case("weights of 1, as of samples", lambda: _weights(1.0, 1.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*(_ZERO,) * 5)), None),
    ),
)
