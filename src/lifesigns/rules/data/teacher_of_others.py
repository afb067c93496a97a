"""DAT064: the answers of a teacher stand beside samples that they were not given for."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TAUGHT, AGREE = "taught", "taught_as_labelled"
CHANCE, LARGEST = "taught_by_chance", "taught_largest"
"""Details of a loss with labels and soft targets: its samples, of how many both name one class, of
how many they would by chance, and the mean of the largest share."""
STEPS = Threshold(2, "recorded steps, at least", "a definition: more than an accident")
FEWEST = Threshold(64, "samples of all recorded steps, at least", "a definition: no accident")
ERRORS = Threshold(
    3.0, "standard errors of the samples that agree by chance", "chance: once in a thousand runs"
)
SURE = Threshold(
    0.25,
    "share of the samples by which a teacher as right as it is sure is beyond chance",
    "a definition: it has learned something",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    told = [loss.details for loss in stream.readings if loss.details.get(TAUGHT)]
    samples, agree, chance = (sum(one[word] for one in told) for word in (TAUGHT, AGREE, CHANCE))
    if len(told) < STEPS or samples < FEWEST:
        return
    largest = sum(one[LARGEST] * one[TAUGHT] for one in told) / samples
    beyond_chance = agree > chance + ERRORS * math.sqrt(chance)
    if beyond_chance or largest * samples - chance < SURE * samples:
        return
    yield RULE.finding(
        Severity.WARNING,
        "the soft targets belong to other samples: they name the labelled class by chance only",
        site="input",
        step=stream.first.step,
        measured=f"of {samples:.0f} samples in {len(told)} recorded steps the largest share is "
        f"that of the labelled class in {agree:.0f}, and by chance it were in {chance:.0f}, while "
        f"it is {largest:.2f} on average{stream.course.remark}",
        expected="a teacher that is right about as often as it is sure",
        certainty=f"by chance, in {stream.seen}, less than once in a thousand runs",
        causes=("wrong_labels", "other"),
        remedies=(_ORDER, _LIVE),
        evidence={"samples": int(samples), "agree": int(agree), "largest": largest},
    )


_ORDER = Remedy(
    "Keep the teacher's answers in the order of the data: a loader that does not shuffle.",
    "loader = DataLoader(train_set, batch_size=256, shuffle=False)\n"
    "answers = torch.cat([teacher(x) for x, _ in loader])",
)
_LIVE = Remedy(
    "Or ask the teacher for each batch.",
    "with torch.no_grad():\n    soft = teacher(x).softmax(1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *agree: int, largest: float = 0.7, chance: float = 6.4, losses: Iterable[float] = example.FLAT
) -> Trace:
    """Recorded steps of 64 samples each, in so many of which teacher and label agree."""
    known = example.regression(tuple(losses), update=1e-3)
    both = {TAUGHT: 64.0, CHANCE: chance, LARGEST: largest}
    return example.marked_each(known, [{**both, AGREE: float(n)} for n in agree])


RULE = Rule(
    code="DAT064",
    name="teacher-of-others",
    title="A teacher's answers stand beside other samples",
    why="A student learns from what its teacher says of the same sample. Answers that stand beside "
    "another sample are labels drawn at random: the best that it can say is the same for all.",
    sees="""
Distillation with answers that were computed once and kept, from a loader that shuffles, or from
another split or order of the files. The loss hardly falls; the teacher is fine, and so are the
student and the labels.
""",
    evidence="""
One loss has a cross-entropy with labels, and a term with soft targets for the same scores: shares
of the classes that logarithms are multiplied by. Their largest share is that of the label no more
often than by chance, so far as both are frequent, while the shares are so large that a teacher who
is right as often as they say would be far beyond it.
""",
    ignore="""
A teacher that has learned nothing has even shares, and labels that were mixed or are smoothed agree
with their own. Without labels in the loss nothing is told.
""",
    references=("Hinton, Vinyals & Dean 2015, Distilling the Knowledge in a Neural Network",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fewest": FEWEST, "errors": ERRORS, "sure": SURE},
    explains=(
        *("one-loss-unlearned", "loss-flat", "labels-unrelated", "dead-units", "stopped-early"),
        *("rate-too-low", "constant-output", "learned-by-heart"),
    ),
    cases=(
        Case("shuffled before they were kept", lambda: _example(6, 5, 8), Severity.WARNING),
        Case(
            "while the loss falls",
            lambda: _example(3, 9, losses=example.FALLING),
            Severity.WARNING,
        ),
        Case("near miss: a teacher who is right", lambda: _example(63, 64, 62), None),
        Case("near miss: one who seldom is", lambda: _example(20, 18, 22), None),
        Case("near miss: one who is not sure", lambda: _example(6, 5, 8, largest=0.2), None),
        Case(
            "near miss: two classes, not sure",
            lambda: _example(33, 31, 30, largest=0.6, chance=32.0),
            None,
        ),
        Case("near miss: in one step", lambda: _example(6), None),
        Case("readings missing: no loss", lambda: example.unread(_example(6, 5, 8)), None),
    ),
)
