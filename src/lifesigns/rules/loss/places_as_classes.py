"""LOS040: a view takes the places of an image for its classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "cut_classes"
"""The detail of a loss whose rows of classes were cut out of an image as it lies in memory."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [s.loss for s in stream.snapshots if s.loss is not None and s.loss.prediction]
    if not losses or not all(MARK in loss.details for loss in losses):
        return
    classes = losses[-1].input_shape[-1]
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"a view cuts the {classes} classes of each place out of neighbouring places",
        step=stream.snapshots[0].step,
        measured=f"in {counted(len(losses), 'recorded step')} the output of a convolution, whose "
        f"dimension 1 holds the classes, was viewed as rows of {classes}: a row holds places that "
        f"lie side by side, not the classes of one{stream.course.remark}",
        expected="rows that hold the scores of all classes at one place",
        certainty="exact: by the shapes in the graph",
        causes=("wrong_shape",),
        remedies=(_AS_IT_IS, _MOVE),
        evidence={"classes": classes},
    )


_AS_IT_IS = Remedy(
    "Give the loss the output as it is: cross-entropy takes the classes along dimension 1.",
    "loss = F.cross_entropy(scores, labels)  # [samples, classes, height, width], [samples, "
    "height, width]",
)
_MOVE = Remedy(
    "Or move the classes to the end before the view.",
    "rows = scores.permute(0, 2, 3, 1).reshape(-1, scores.shape[1])",
    edit="move-classes",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(cut: bool, losses: Sequence[float] = example.FLAT) -> Trace:
    return example.marked(example.regression(losses, update=1e-3), {MARK: 1.0} if cut else {})


RULE = Rule(
    code="LOS040",
    name="places-as-classes",
    title="A view takes neighbouring places for the classes of one",
    why="A convolution lays its channels along dimension 1, and a view only counts numbers as they "
    "lie in memory. Rows cut out of it hold one class at several places, so the softmax compares "
    "places, and the loss asks for what no weight can give.",
    sees="""
`scores.view(-1, classes)` on the output `[samples, classes, height, width]` of a network that
labels each pixel, or each step of a signal: the loss stays near that of equal scores, or above.
""",
    evidence="""
The graph between the loss and the last convolution: a view from more than two dimensions to rows as
long as dimension 1, with no permutation before it.
""",
    ignore="""
Where the view follows a `permute` nothing is said, nor where an image has shrunk to one place.
""",
    references=("PyTorch, `nn.CrossEntropyLoss`: input of shape (N, C, d1, ..., dK)",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"half": HALF},
    explains=(
        *("loss-flat", "labels-unrelated", "stopped-early", "constant-output", "rate-too-low"),
        *("loss-diverges", "loss-oscillates"),
    ),
    cases=(
        Case("a view of channels", lambda: _example(True), Severity.WARNING),
        Case("it learns a little", lambda: _example(True, example.FALLING), Severity.WARNING),
        Case("near miss: moved before", lambda: _example(False), None),
        Case("near miss: and it learns", lambda: _example(False, example.FALLING), None),
        Case("readings missing: no loss", lambda: example.unread(_example(True)), None),
    ),
)
