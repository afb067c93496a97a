"""LOS083: every target of a value is bootstrapped, and all rewards are one number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.stream import Marked
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ROWS, LINE, DISCOUNT, REWARD = "answered_rows", "on_one_line", "discount", "reward"
"""Details of a loss whose targets came from the network or its copy: how many rows there are; and,
where all targets lie on one line over the values of the next states, its slope and height."""
ENOUGH = Threshold(600, "rows in which no episode ends", "ends are below 0.5 % of them at 95 %")
COSTLY = Threshold(
    1000,
    "rows in which no episode ends where steps cost",
    "below 0.3 % at 95 %: an aim that is hard to reach ends few episodes at first",
)
LATE = Threshold(0.25, "share of the run before the last of these rows", "not the beginning alone")
FALLEN = Threshold(
    100, "steps before the last of these rows, where steps are rewarded", "who fails does so soon"
)
ALIKE = Threshold(1e-3, "relative range of the rewards, and of the discounts", "rounding")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = stream.marked(ROWS)
    lines = [one.details for one in known if LINE in one.details]
    rows = sum(details[ROWS] for details in lines)
    if len(lines) < len(known) or rows < ENOUGH:
        return
    discounts, rewards = (np.array([one[word] for one in lines]) for word in (DISCOUNT, REWARD))
    discount, reward = float(np.median(discounts)), float(np.median(rewards))
    steady = _is_one(discounts, discount) and _is_one(rewards, reward)
    last = known[-1].step
    if last < LATE * stream.steps[-1] and (reward < 0 or last < FALLEN):
        return
    if steady and 0 < discount < 1 and abs(reward) > ALIKE:
        yield _finding(stream, known, int(rows), discount, reward)


def _is_one(numbers: np.ndarray, number: float) -> bool:
    return bool((np.abs(numbers - number) <= ALIKE * max(abs(number), 1.0)).all())


def _finding(
    stream: Stream,
    known: Sequence[Marked],
    rows: int,
    discount: float,
    reward: float,
) -> Finding:
    everywhere = reward / (1 - discount)
    return RULE.finding(
        Severity.ERROR if reward > 0 or rows >= COSTLY else Severity.NOTE,
        "no target ends an episode: the value of the next state is added in every row",
        step=known[0].step,
        measured=f"in {len(known)} recorded steps all {rows} targets are {reward:.3g} + "
        f"{discount:.3g} times the value of the next state; whatever is done, the value that "
        f"fits is {everywhere:.3g}",
        expected="the reward alone in rows that end an episode: by these ends states differ",
        certainty=f"exact in {rows} rows: ends of episodes are below {3 / rows:.1%} of them (95 %)",
        causes=("wrong_loss", "wrong_labels"),
        remedies=(_MASK, _LOOK),
        evidence={"rows": rows, "discount": discount, "reward": reward},
    )


_MASK = Remedy(
    "Leave the next state's value out where the episode ended there, other than by a limit of "
    "time.",
    "target = reward + gamma * next_value * (1 - done)",
)
_LOOK = Remedy(
    "If that is done, look whether the end of an episode is ever kept, or reached.",
    "print(sum(transition.done for transition in memory), len(memory))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *discounts: float, reward: float = 1.0, rows: float = 256.0, until: int = 4, steps: int = 300
) -> Trace:
    """Targets with these discounts in recorded steps, the last step 250; of 0: no line."""
    known = example.regression([0.1, 0.2] * (steps // 2), update=1e-3, kind="huber")
    shots = []
    for shot, discount in zip(known.snapshots[:until], discounts, strict=False):
        line = {LINE: 1.0, DISCOUNT: discount, REWARD: reward} if discount else {}
        if shot.loss is not None:
            loss = replace(shot.loss, details={ROWS: rows, **line})
            shots.append(replace(shot, loss=loss))
    last = shots.pop()
    return replace(known, snapshots=(*shots, replace(last, step=250)))


_ALWAYS = (0.99, 0.99, 0.99, 0.99)

RULE = Rule(
    code="LOS083",
    name="no-episode-ends",
    title="No target of a value ends an episode",
    why="Where every step has the same reward, states differ in nothing but how soon an episode "
    "ends there. If the value of the next state is added in terminal rows, too, nothing says that "
    "it ended: one value fits all states and actions, the reward over 1 minus the discount.",
    sees="""
`reward + gamma * target_net(next_states).max(1)[0]` without `* (1 - done)`, or with a `done` that
is never true, in Q-learning on a task that rewards or costs every step. The values grow, and the
agent becomes worse.
""",
    evidence="""
In a recorded step the network or a copy of it was asked without gradients, and its largest answer
(or that of another's choice) is compared with the targets of torch's own regression, row by row.
In all recorded steps, which together hold 600 rows or more, all targets lie on one line over these
values, with one slope below 1 and one height that is not 0. A row that ends an episode lies at the
height itself. Where each step costs, 1,000 rows are asked for, and fewer are a note: an aim that is
hard to reach may not have been reached yet. The last of these steps is in the last three quarters
of the run or, where steps are rewarded, behind step 100.
""",
    ignore="""
Rewards that differ from row to row are no line and are not judged; nor are rewards that are all 0,
as before a prize is found. Where episodes end by a limit of time alone and every step costs the
same, until the aim has been reached, nothing can be learned either.
""",
    references=(
        "Sutton & Barto 2018, Reinforcement Learning, section 3.4: the value of a terminal state "
        "is 0",
        "Mnih et al. 2015, Human-level control through deep reinforcement learning, algorithm 1",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "enough": ENOUGH,
        "costly": COSTLY,
        "late": LATE,
        "fallen": FALLEN,
        "alike": ALIKE,
    },
    explains=(
        "loss-flat",
        "loss-diverges",
        "loss-oscillates",
        "constant-output",
        "unscaled-target",
        "dead-units",
        "exploding-gradient",
    ),
    cases=(
        Case("in all rows", lambda: _example(*_ALWAYS), Severity.ERROR),
        Case(
            "costs, in many rows",
            lambda: _example(*_ALWAYS, reward=-1.0, rows=256.0),
            Severity.ERROR,
        ),
        Case("costs, in fewer", lambda: _example(*_ALWAYS, reward=-1.0, rows=200.0), Severity.NOTE),
        Case("rewards, in the beginning", lambda: _example(*_ALWAYS, steps=3000), Severity.ERROR),
        Case(
            "near miss: costs, in the beginning",
            lambda: _example(*_ALWAYS, reward=-1.0, steps=3000),
            None,
        ),
        Case("near miss: a step in which one ends", lambda: _example(0.99, 0, 0.99, 0.99), None),
        Case("near miss: few rows", lambda: _example(*_ALWAYS, rows=64.0), None),
        Case("near miss: no reward yet", lambda: _example(*_ALWAYS, reward=0.0), None),
        Case("near miss: a copy of the answers", lambda: _example(1.0, 1.0, 1.0, 1.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*_ALWAYS)), None),
    ),
)
