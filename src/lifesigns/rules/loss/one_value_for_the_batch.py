"""LOS091: the targets of Q-learning add the largest value of a whole batch in every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LARGEST = "largest_answer"
"""Detail of a loss, by the number of the answer: the largest of all its values in the batch."""
TARGET, ROWS, RANGE = "shared_target", "sharing_rows", "sharing_range"
"""Details, by the number of the answer and of the target: a target that several rows share, how
many rows they are, and how far apart the largest values of these are, as a share of their size."""
NUMBERS = 2
"""Answers that are looked at."""
STEPS = Threshold(3, "steps of which the largest value differs", "two always lie on a line")
RESOLVED = Threshold(0.01, "range of the largest values over their size", "more than rounding")
ROUNDING = Threshold(4e-6, "distance from the line over the size of the numbers", "float32")
LONGEST = Threshold(1.0001, "a discount: change of targets over that of values", "1, and rounding")


class Shared(NamedTuple):
    """A target that rows share."""

    target: float
    rows: float
    apart: float
    """How far their largest values are apart, as a share of their size."""


class Known(NamedTuple):
    """What is known of one recorded step."""

    largest: float
    shared: Sequence[Shared]


class Line(NamedTuple):
    """The targets as a reward plus a discount times the largest value of all."""

    discount: float
    reward: float
    rows: float
    """Rows that lie on it, and differ."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for number in range(NUMBERS):
        marked = stream.marked(f"{LARGEST}_{number}")
        known = [_known(one.details, number) for one in marked]
        line = _line(known) if known and all(one.shared for one in known) else None
        if line is not None:
            yield _finding(stream, len(known), marked[0].step, line)
            return


def _known(details: Mapping[str, float], number: int) -> Known:
    begins = f"{TARGET}_{number}_"
    kinds = [word.removeprefix(TARGET) for word in details if word.startswith(begins)]
    shared = [Shared(*(details[word + kind] for word in (TARGET, ROWS, RANGE))) for kind in kinds]
    return Known(details[f"{LARGEST}_{number}"], shared)


def _line(known: Sequence[Known]) -> Line | None:
    """The line on which a target of each step lies, of most rows that differ; None for none."""
    low, high = (pick(known, key=lambda one: one.largest) for pick in (min, max))
    apart = high.largest - low.largest
    size = max(abs(each) for one in known for each in (one.largest, *_targets(one)))
    if apart < RESOLVED * size:
        return None
    lines = []
    for below in _targets(low):
        for above in _targets(high):
            discount = (above - below) / apart
            if RESOLVED * size < discount * apart <= LONGEST * apart:
                reward = below - discount * low.largest
                rows = _rows(known, discount, reward, 2 * ROUNDING * size)
                lines += [Line(discount, reward, rows)] if rows else []
    return max(lines, key=lambda line: line.rows, default=None)


def _targets(known: Known) -> list[float]:
    return [one.target for one in known.shared]


def _rows(known: Sequence[Known], discount: float, reward: float, rounding: float) -> float:
    """Rows on a line whose own largest values differ; 0 if a step has none on it, or few differ."""
    rows, levels = 0.0, []
    for one in known:
        wanted = reward + discount * one.largest
        lie = [each for each in one.shared if abs(each.target - wanted) <= rounding]
        if not lie:
            return 0.0
        differ = [each.rows for each in lie if each.apart > RESOLVED]
        rows += sum(differ)
        levels += [one.largest] if differ else []
    levels.sort()
    moves = sum(b - a > RESOLVED * (levels[-1] - levels[0]) for a, b in pairwise(levels))
    return rows if moves + 1 >= STEPS else 0.0


def _finding(stream: Stream, steps: int, first: int, line: Line) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "every target adds the largest value of the whole batch, not that of its own next state",
        step=first,
        measured=f"in {counted(steps, 'recorded step')} {line.rows:.0f} targets are "
        f"{line.reward:.3g} + {line.discount:.3g} times the largest of all values that the "
        "network gave for the batch, though the largest of each row differ",
        expected="targets that differ as the largest values of their own next states do",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_loss", "wrong_shape"),
        remedies=(_EACH, _SHAPES),
        evidence={"discount": line.discount, "reward": line.reward, "rows": line.rows},
    )


_EACH = Remedy(
    "Take the largest value over the actions of each next state.",
    "best_next = target_net(next_states).max(dim=1).values  # [rows], not one number",
)
_SHAPES = Remedy(
    "Look at the shapes of what the targets are made of: there is one value for each row.",
    "assert best_next.shape == rewards.shape == q.shape",
)


# --- cases ----------------------------------------------------------------------------------------
def _unmarked() -> Trace:
    return example.regression([0.1, 0.2] * 150, update=1e-3, kind="huber")


def _example(
    *largest: float, discount: float = 0.9, apart: float = 0.3, beside: float = 0.0
) -> Trace:
    """Steps with these largest values, and rows of two rewards on a line over them but the last."""
    marks = []
    for each in largest:
        mark = {f"{LARGEST}_0": each}
        for kind, reward in enumerate((-0.02, -0.1)):
            target = reward + discount * each + (beside if each == largest[-1] else 0.0)
            numbers = zip((TARGET, ROWS, RANGE), (target, 40.0 - kind, apart), strict=True)
            mark |= {f"{word}_0_{kind}": number for word, number in numbers}
        marks.append(mark)
    return example.marked_each(_unmarked(), marks)


_MOVING = (0.18, 0.23, 0.81, 1.13)

RULE = Rule(
    code="LOS091",
    name="one-value-for-the-batch",
    title="One value of a batch stands for all next states",
    why="A target tells actions apart by what the states that they lead to are worth. If the "
    "largest value was taken over the whole batch, all rows of one reward get one target, whatever "
    "was done: only the reward of the step itself is learned, and values follow the luckiest row.",
    sees="""
`target_net(next_states).max()` instead of `.max(1).values` in Q-learning, or `torch.max(values)`
that was meant for each row: one number, which broadcasting adds to every reward.
""",
    evidence="""
In a recorded step the network or a copy of it was asked without gradients, one row of answers for
each target of torch's own regression. Rows with the same target, to the last bit, are looked at
together: in each recorded step one such target lies on a line over the largest answer of the whole
batch, with a slope above 0 and at most 1, within rounding. In three steps or more with different
largest answers, those of its own rows differ. The slope is the discount, the height the reward.
""",
    ignore="""
Targets that do not move with the answers are rewards alone, as in a bandit, with a discount of 0,
or where all episodes end; clipped ones stand still, too. Where each row has another reward, none
share a target, and nothing is said. Where all next states are worth the same, both are the same.
""",
    references=(
        "Mnih et al. 2015, Human-level control through deep reinforcement learning, algorithm 1: "
        "the largest over the actions",
        "PyTorch, `torch.max`: of a tensor alone it is one number",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "resolved": RESOLVED, "rounding": ROUNDING, "longest": LONGEST},
    explains=("loss-flat", "loss-diverges", "stopped-early"),
    cases=(
        Case("all rows share it", lambda: _example(*_MOVING), Severity.WARNING),
        Case("no discount", lambda: _example(*_MOVING, discount=1.0), Severity.WARNING),
        Case("near miss: none", _unmarked, None),
        Case("near miss: rewards alone", lambda: _example(*_MOVING, discount=0.0), None),
        Case("near miss: two values", lambda: _example(0.18, 0.81, 0.18, 0.81), None),
        Case("near miss: against the values", lambda: _example(*_MOVING, discount=-0.9), None),
        Case("near miss: one off the line", lambda: _example(*_MOVING, beside=0.01), None),
        Case("near miss: rows of one value", lambda: _example(*_MOVING, apart=0.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*_MOVING)), None),
    ),
)
