"""DAT062: targets that were not measured were set to a number, and count like the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.shares import percent
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

COLUMN, SEEN, VALUE, SHARE, ANSWERS, KNOWN = (
    "filled_columns", "target_columns", "filled_with", "filled_share", "filled_answers",
    "measured_correlation",
)  # fmt: skip
"""Details of a loss: in how many columns of targets of how many one number returns in the middle of
others; that number, its share, how far answers there are from it, over that of the others, and how
the others correlate with their answers."""
STEPS = Threshold(3, "recorded steps in which it is so, at least", "a definition: no accident")
LAST = 2
"""Of these so many are asked for their answers."""
APART = Threshold(
    0.5, "of the answers at the other rows", "0 where the data tell it, 1 where they do not"
)
FOLLOWS = Threshold(0.5, "correlation of answers and targets at the other rows", "half of it")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course, readings = stream.course, stream.readings
    seen = [one.details for one in stream.marked(COLUMN)]
    if len(seen) < STEPS or COLUMN not in readings[-1].details or course.steps < ENOUGH_STEPS:
        return
    answers, known = (float(np.mean([s[x] for s in seen[-LAST:]])) for x in (ANSWERS, KNOWN))
    if course.opposed or course.gain >= FITTED or answers < APART or known < FOLLOWS:
        return
    columns, of = (int(np.median([x[word] for x in seen])) for word in (COLUMN, SEEN))
    share, value = (float(np.median([x[word] for x in seen])) for word in (SHARE, VALUE))
    yield RULE.finding(
        Severity.WARNING,
        f"{percent(share)} of the targets are one number, which counts and seems to stand for what "
        "was not measured",
        step=stream.first.step,
        measured=f"in {columns} of {of} columns of targets {value:.6g} returns exactly, and all "
        "others differ and lie on both sides of it; the answers there are as far from it as "
        f"{answers:.2g} times those at the others, which follow their targets with a correlation "
        f"of {known:.2g}, in {counted(len(seen), 'recorded step')}{course.remark}",
        expected="a loss of the measured targets alone",
        certainty="the targets are exact on the recorded batches; that this number stands for what "
        "is missing is likely",
        causes=("wrong_loss", "wrong_labels", "other"),
        remedies=(_MASK,),
        evidence={"share": share, "columns": columns, "answers": answers, "correlation": known},
    )


_MASK = Remedy(
    "Leave the targets out that were not measured.",
    "known = ~torch.isnan(target)\nloss = F.mse_loss(output[known], target[known])",
)


# --- cases ----------------------------------------------------------------------------------------
_PARTLY = list(np.geomspace(1.0, 0.4, 100))


def _example(
    answers: float = 0.8,
    known: float = 0.8,
    *,
    columns: int = 4,
    steps: int = 9,
    losses: Sequence[float] = _PARTLY,
) -> Trace:
    """In the first recorded steps the targets of some columns are like that."""
    marks = {COLUMN: columns, SEEN: 4.0, VALUE: 0.0, SHARE: 0.6, ANSWERS: answers, KNOWN: known}
    run = example.regression(losses, update=1e-3)
    return example.marked_each(run, [marks if i < steps else {} for i in range(9)])


RULE = Rule(
    code="DAT062",
    name="missing-targets-count",
    title="Targets that were not measured count like the others",
    why="A gap that is set to 0, or to the mean, is a target like any other to a loss. Nothing in "
    "the data tells which rows have one, so the best answer to each row is the measured one drawn "
    "towards that number, by the share of the gaps: all answers are too small.",
    sees="""
Several assays, sensors or scores of each sample of which some were not measured, and targets that
went through `torch.nan_to_num` or `fillna` with 0 or the mean in front of a squared error. The loss
falls, and answers and targets correlate; what is measured is not reached.
""",
    evidence="""
In a column of targets one number returns exactly in at least 15 % of the rows that count. The other
targets differ from each other, and at least a tenth of them lies on either side of it. In the last
recorded steps the network answers those rows as it answers the others: at least half as far from
the number, while its answers to the others correlate with their targets by more than a half. An
alarm only where the fit is not complete.
""",
    ignore="""
Zeros that the data tell, as of a background: the network learns to answer 0 there. Counts, rain and
purchases, of which 0 is the least; classes and levels, which return as well; what a mask leaves out
of the loss. A switch that is learned later than what it switches may look the same for a while.
""",
    references=(
        "Little & Rubin 2002, Statistical Analysis with Missing Data",
        "Xu et al. 2017, Demystifying Multitask Deep Neural Networks for QSAR",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "apart": APART,
        "follows": FOLLOWS,
        "enough_steps": ENOUGH_STEPS,
        "fitted": FITTED,
    },
    explains=("stopped-early", "loss-flat", "rate-too-low"),
    cases=(
        Case("answers as at the others", _example, Severity.WARNING),
        Case("one column", lambda: _example(0.6, columns=1), Severity.WARNING),
        Case("near miss: the network tells these rows", lambda: _example(0.3), None),
        Case("near miss: the others are not learned", lambda: _example(known=0.3), None),
        Case("near miss: in the first two steps", lambda: _example(steps=2), None),
        Case(
            "near miss: it is fitted",
            lambda: _example(losses=list(np.geomspace(1.0, 1e-3, 100))),
            None,
        ),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
