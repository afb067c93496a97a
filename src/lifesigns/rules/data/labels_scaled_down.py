"""DAT031: the labels of a binary loss are 0 and a number far below 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.constant import ALIKE, label_beside_zero, targets_of
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace, UnitSums
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

FAR_BELOW = Threshold(
    0.1, "size of a label that is far below 1", "smoothed labels of 1 are 0.7 and more"
)
STEPS = Threshold(2, "recorded steps with such labels", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for readings in zip(*(_terms(reading) for reading in stream.readings), strict=False):
        targets = targets_of(readings)
        with_any = [r for r in readings if r.target and r.target.sums.active.any()]
        binary = all(r.kind == "binary_cross_entropy" for r in readings)
        if targets is not None and binary and len(with_any) >= STEPS and _is_far_below(targets):
            yield _finding(stream, readings[-1], targets)
            return


def _terms(reading: LossReading) -> tuple[LossReading, ...]:
    return (reading, *reading.others)


def _is_far_below(targets: UnitSums) -> bool:
    return 0 < label_beside_zero(targets) <= FAR_BELOW


def _finding(stream: Stream, last: LossReading, targets: UnitSums) -> Finding:
    label, share = float(targets.maximum.max()), float(targets.active.sum() / targets.count.sum())
    return RULE.finding(
        Severity.WARNING if stream.course.gain > HALF else Severity.ERROR,
        f"the labels of {last.operation} are 0 and {label:.3g}, and were to be 0 and 1: they were "
        "scaled once too often",
        site=stream.last.graph.sites[last.site].name if last.site >= 0 else "",
        step=stream.first.step,
        measured=f"{share:.1%} of the labels are {label:.3g}, 1/{1 / label:.4g}, and all others 0"
        f"{stream.course.remark}",
        expected="labels of 1, so that a probability above 0.5 says yes",
        certainty=f"exact, on the targets of {len(stream.readings)} recorded steps",
        causes=("wrong_labels",),
        remedies=(_ONCE,),
        evidence={"label": label, "share": share},
    )


_ONCE = Remedy(
    "Do not divide labels, or masks, as pictures are divided; look at the values that they have.",
    "mask = (mask > 0).float()\nprint(mask.unique())  # tensor([0., 1.])",
    edit="binarise-targets",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    labels: Sequence[float],
    kind: str = "binary_cross_entropy",
    losses: Sequence[float] = example.FLAT,
    *,
    steps: int = 2,
) -> Trace:
    graph = example.chain("linear", "relu", "linear/1", batch=len(labels))
    loss = LossReading(
        1.0,
        kind,
        f"{kind}_with_logits",
        fit=1.0,
        scale=1.0,
        prediction=example.sums(np.zeros((len(labels), 1))),
        target=example.target(np.reshape(labels, (-1, 1))),
    )
    shots = (example.snapshot(graph, step=s, loss=loss) for s in range(0, 50 * steps, 50))
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="DAT031",
    name="labels-scaled-down",
    title="The labels of a binary loss are 0 and a number far below 1",
    why="A binary loss takes its labels for probabilities. Where those of the one class are 1/255 "
    "in place of 1, the best answer is no everywhere: no probability ever gets above 0.5.",
    sees="""
A mask of 0 and 1 that was made a tensor like a picture, and divided by 255 with it; or one that was
divided in the data set and again in the loop. The loss falls, to nearly nothing, as most labels are
nearly 0, and the picture that comes out is black.
""",
    evidence="""
The targets of all recorded steps of a binary cross-entropy are 0 or one and the same number of at
most a tenth: the mean of those that are not 0 is the greatest of them. Two steps had such labels.
""",
    ignore="""
Smoothed labels of 1 stay above a half, and those of 0 are not 0 exactly; rates and other soft
labels have more than two values. Where more than half of the way from a constant prediction is
made, it is a warning: somebody may compare with half of that number.
""",
    references=("torchvision, `ToTensor`: uint8 values are divided by 255, whatever they mean",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"far_below": FAR_BELOW, "steps": STEPS, "alike": ALIKE, "fit": HALF},
    explains=(
        "stopped-early",
        "constant-output",
        "loss-flat",
        "zero-gradient",
        "vanishing-gradient",
        "dead-units",
        "labels-unrelated",
    ),
    cases=(
        Case("masks of 0 and 1/255", lambda: _example([0, 0, 0, 1 / 255] * 8), Severity.ERROR),
        Case(
            "labels of 0 and a tenth, learned",
            lambda: _example([0, 0.1] * 16, losses=example.FALLING),
            Severity.WARNING,
        ),
        Case("near miss: labels of 0 and 1", lambda: _example([0, 0, 0, 1] * 8), None),
        Case("near miss: smoothed labels", lambda: _example([0, 0.9] * 16), None),
        Case("near miss: rates of three sizes", lambda: _example([0, 0.02, 0.04] * 8), None),
        Case("near miss: no label but 0", lambda: _example([0] * 32), None),
        Case("near miss: in one step", lambda: _example([0, 1 / 255] * 16, steps=1), None),
        Case("a regression", lambda: _example([0, 1 / 255] * 16, "squared_error"), None),
        Case(
            "readings missing: no targets",
            lambda: example.unread(_example([0, 1 / 255] * 16)),
            None,
        ),
    ),
)
