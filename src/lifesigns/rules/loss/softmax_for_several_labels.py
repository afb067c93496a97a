"""LOS072: a softmax over classes of which several are true at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.shares import percent
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

EMPTY = "empty_rows"
"""Detail of a loss: how many targets it has of which no class is true."""
TOTAL = Threshold(1.05, "true classes of a sample, in the mean", "one label has 1 exactly")
MOST = Threshold(64, "classes; with more the targets are counts, as of words", "convention")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    readings, targets = stream.readings, stream.targets
    if stream.course.steps < ENOUGH_STEPS or not readings or not all(map(_is_asked, readings)):
        return
    if targets is None or not 2 <= targets.units <= MOST:
        return
    alike = [r for r in readings if r.target and r.target.sums.units == targets.units]
    empty = sum(loss.details.get(EMPTY, 0.0) for loss in alike)
    rows = float(targets.count.max())
    is_zero_or_one = targets.minimum.min() == 0 and targets.maximum.max() == 1
    if empty >= rows or not is_zero_or_one:
        return
    total = float(targets.total.sum()) / (rows - empty)
    if total > TOTAL:
        yield _finding(stream, readings[-1], total, empty / rows)


def _is_asked(loss: LossReading) -> bool:
    """Whether it compares a softmax with whole numbers, one for each class.

    Of pairs of all samples, as in contrastive losses, several may belong together.
    """
    target = loss.target
    if loss.kind != "cross_entropy" or target is None or target.is_index:
        return False
    return target.integer_valued and len(target.shape) == 2 and target.shape[0] != target.shape[1]


def _finding(stream: Stream, last: LossReading, total: float, empty: float) -> Finding:
    none = f"; of {percent(empty)} none is true, and they have no gradient" if empty else ""
    units = stream.targets.units if stream.targets else 0
    return RULE.finding(
        Severity.WARNING,
        f"a softmax over {units} classes is compared with targets of which {total:.3g} are true",
        site=stream.last.graph.sites[last.site].name if last.site >= 0 else "",
        step=stream.first.step,
        measured=f"targets of 0 and 1 that sum to {total:.3g} over {units} classes, in the mean of "
        f"{len(stream.readings)} recorded steps{stream.course.remark}{none}",
        expected="one true class for each sample, or a sigmoid for each class",
        certainty="exact, on the targets of the recorded steps",
        causes=("wrong_loss", "wrong_output_activation"),
        remedies=(_EACH,),
        evidence={"total": total, "units": units, "empty": empty},
    )


_EACH = Remedy(
    "Ask for each class by itself.",
    "loss = F.binary_cross_entropy_with_logits(logits, target.float())\npredicted = logits > 0",
    edit="swap-loss",
)


# --- cases ----------------------------------------------------------------------------------------
ONE = np.eye(3)
SEVERAL = [[1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]]


FEW = [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
"""Half of them have none: less than one label in the mean."""


def _example(targets: object, kind: str = "cross_entropy") -> Trace:
    rows = np.asarray(targets, float)
    empty = {EMPTY: float((rows.sum(1) == 0).sum())}
    graph = example.chain("linear/3", "cross_entropy")
    known = example.fitting(
        graph, example.FALLING, np.zeros(rows.shape), example.target(rows), kind=kind
    )
    return example.marked(known, empty)


RULE = Rule(
    code="LOS072",
    name="softmax-for-several-labels",
    title="A softmax over classes of which several are true",
    why="A softmax shares out a total of 1: each true class takes from the others. Two true ones "
    "get no more than a half each, where none is true the shares say nothing, and no threshold "
    "tells what is true.",
    sees="""
`F.cross_entropy(logits, labels.float())` with rows such as 0 1 1 0. torch takes rows of numbers for
the probabilities of the classes and does not ask whether they sum to 1. The loss falls, and the
scores are in some order, but which labels apply cannot be read from them.
""",
    evidence="""
The targets of the recorded steps are 0 and 1, one for each class, and sum to more than 1.05 in
the mean of the samples that have any; the loss is the cross-entropy of a softmax over at most 64
classes.
""",
    ignore="""
One label for each sample sums to 1, as smoothed labels do, and samples without any do not count:
they may be left out on purpose. Counts of words, clicks on many things
and pairs of all samples with all are other tasks, and are left out. A ranking of labels by a
softmax may be meant so.
""",
    references=(
        "PyTorch, `torch.nn.CrossEntropyLoss`: class probabilities",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"total": TOTAL, "most": MOST, "steps": ENOUGH_STEPS},
    explains=("loss-flat", "stopped-early", "loss-diverges"),
    cases=(
        Case("rows with several ones", lambda: _example(SEVERAL), Severity.WARNING),
        Case(
            "all classes true of one", lambda: _example([[1, 1], [1, 0], [0, 1]]), Severity.WARNING
        ),
        Case("several ones, and rows of none", lambda: _example(FEW), Severity.WARNING),
        Case("near miss: one label or none", lambda: _example(np.vstack([ONE, 0 * ONE])), None),
        Case("near miss: one label each", lambda: _example(np.vstack([ONE, ONE])), None),
        Case("near miss: a sigmoid each", lambda: _example(SEVERAL, "binary_cross_entropy"), None),
        Case("near miss: pairs of all samples", lambda: _example(np.ones((3, 3)) - ONE), None),
        Case("near miss: counts of 100 words", lambda: _example(np.tile([0, 1], (4, 50))), None),
        Case("readings missing: no targets", lambda: example.unread(_example(SEVERAL)), None),
    ),
)
