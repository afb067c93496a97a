"""LOS040: a view takes places for the classes, or for the numbers, of one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream
from lifesigns.evidence.sites import counted
from lifesigns.evidence.terms import terms_of
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "cut_classes"
"""The detail of a loss whose rows of classes were cut out of an image as it lies in memory."""
EXCHANGED = "exchanged_classes"
"""Of a linear map's classes, which lie last: how many a view takes to dimension 1."""
NUMBERS = "cut_numbers"
"""Of the boxes of a convolution that a loss picks: how many numbers one has."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [s.loss for s in stream.snapshots if s.loss is not None and s.loss.prediction]
    if not losses:
        return
    if all(MARK in loss.details for loss in losses):
        yield _of_rows(stream, losses)
    elif all(EXCHANGED in loss.details for loss in losses):
        yield _of_sizes(stream, losses)
    elif boxes := [term for loss in losses for term in _boxes(loss)]:
        yield _of_boxes(stream, boxes)


def _of_rows(stream: Stream, losses: Sequence[LossReading]) -> Finding:
    classes = losses[-1].input_shape[-1]
    return RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"a view cuts the {classes} classes of each place out of neighbouring places",
        step=stream.snapshots[0].step,
        measured=f"in {counted(len(losses), 'recorded step')} the output of a convolution, whose "
        f"dimension 1 holds the classes, was viewed as rows of {classes}: a row holds places that "
        f"lie side by side, not the classes of one{stream.course.remark}",
        expected="rows that hold the scores of all classes at one place",
        certainty=_CERTAINTY,
        causes=("wrong_shape",),
        remedies=(_AS_IT_IS, _MOVE),
        evidence={"classes": classes},
    )


def _of_sizes(stream: Stream, losses: Sequence[LossReading]) -> Finding:
    classes = int(losses[-1].details[EXCHANGED])
    return RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"a view exchanges the sizes of places and of the {classes} classes, and not their axes",
        step=stream.snapshots[0].step,
        measured=f"in {counted(len(losses), 'recorded step')} the output of a linear layer, whose "
        f"last dimension holds the classes, was viewed with {classes} along dimension 1: "
        f"what stands there for one place are scores of several{stream.course.remark}",
        expected="an exchange of axes: cross-entropy takes the classes along dimension 1",
        certainty=_CERTAINTY,
        causes=("wrong_shape",),
        remedies=(_TRANSPOSE,),
        evidence={"classes": classes},
        why="A linear layer lays the classes of one place side by side, and a view keeps that "
        "order: along dimension 1 lie scores of several places then, and each label asks for "
        "a class of them that no weight can give it.",
    )


def _boxes(loss: LossReading) -> list[LossReading]:
    return [term for term in (loss, *loss.others) if NUMBERS in term.details]


def _of_boxes(stream: Stream, boxes: Sequence[LossReading]) -> Finding:
    """How grave it is the term of the boxes tells, where it is one of several."""
    numbers = int(boxes[-1].details[NUMBERS])
    harm = stream.course.harm(HALF)
    poor = [t for t in terms_of(stream.readings) if NUMBERS in t.readings[-1].details]
    if harm is Severity.NOTE and any(term.gain < HALF for term in poor):
        harm = Severity.WARNING
    return RULE.finding(
        harm,
        f"a view cuts the {numbers} numbers of each box out of neighbouring places",
        step=stream.snapshots[0].step,
        measured=f"in {counted(len(boxes), 'recorded step')} the output of a convolution, whose "
        f"dimension 1 holds the numbers of all anchors, was viewed as rows of {numbers}: a row "
        f"holds one number at places that lie side by side{stream.course.remark}",
        expected="rows that hold the numbers of one anchor at one place",
        certainty=_CERTAINTY,
        causes=("wrong_shape",),
        remedies=(_MOVE_ANCHORS,),
        evidence={"numbers": numbers},
        why="A convolution lays its channels along dimension 1, and a view only counts numbers as "
        "they lie in memory. What stands for a box at one place are then values of other places, "
        "and the targets of a cell are asked of cells that do not see it.",
    )


_CERTAINTY = "exact: by the shapes in the graph"
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

_TRANSPOSE = Remedy(
    "Exchange the axes, so that the classes come to dimension 1.",
    "loss = F.cross_entropy(scores.transpose(1, 2), labels)  # [samples, places, classes] to "
    "[samples, classes, places]",
)
_MOVE_ANCHORS = Remedy(
    "Move the channels of every head to the end before the view.",
    "boxes = boxes.permute(0, 2, 3, 1).reshape(len(x), -1, 4)\n"
    "scores = scores.permute(0, 2, 3, 1).reshape(len(x), -1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(cut: bool, losses: Sequence[float] = example.FLAT) -> Trace:
    return example.marked(example.regression(losses, update=1e-3), {MARK: 1.0} if cut else {})


def _exchanged(losses: Sequence[float] = example.FLAT) -> Trace:
    return example.marked(_example(False, losses), {EXCHANGED: 3.0})


def _picked(gain: float, losses: Sequence[float] = example.FALLING) -> Trace:
    """Boxes of which so much is learned, beside a loss that falls."""
    known = _example(False, losses)
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    boxes = LossReading(
        1 - gain,
        "squared_error",
        "mse_loss",
        fit=1 - gain,
        scale=1.0,
        input_shape=(32, 1),
        prediction=example.sums(0.5 * sign),
        target=example.target(sign),
        details={NUMBERS: 4.0},
    )
    shots = [replace(s, loss=replace(s.loss, others=(boxes,))) for s in known.snapshots if s.loss]
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="LOS040",
    name="places-as-classes",
    title="A view takes neighbouring places for the classes, or the numbers, of one",
    why="A convolution lays its channels along dimension 1, and a view only counts numbers as they "
    "lie in memory. Rows cut out of it hold one class at several places, so the softmax compares "
    "places, and the loss asks for what no weight can give.",
    sees="""
`scores.view(-1, classes)` on the output `[samples, classes, height, width]` of a network that
labels each pixel, or each step of a signal: the loss stays near that of equal scores, or above. Or
`scores.view(samples, classes, steps)` of what a linear layer gives, `[samples, steps, classes]`.
Or `boxes.reshape(samples, -1, 4)` of a detector's head, `[samples, anchors * 4, height, width]`.
""",
    evidence="""
The graph between the loss and the last convolution: a view from more than two dimensions to rows as
long as dimension 1, with no permutation before it. Behind a linear layer: a view that takes its
classes to dimension 1. Of boxes: the loss picks some of the rows that a view cuts, these have the
length of a part of the channels, and they end in the middle of a line of places, or another head
has as many rows of another length over the same places. Boxes alarm if less than half of their
baseline is learned.
""",
    ignore="""
Where the view follows a `permute` nothing is said, nor where an image has shrunk to one place, nor
of boxes that all count, whose targets may be viewed alike.
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
        Case("classes that lie last", lambda: _exchanged(), Severity.WARNING),
        Case("boxes that are hardly learned", lambda: _picked(0.3), Severity.WARNING),
        Case("boxes that are learned all the same", lambda: _picked(0.8), Severity.NOTE),
        Case("near miss: moved before", lambda: _example(False), None),
        Case("near miss: and it learns", lambda: _example(False, example.FALLING), None),
        Case("readings missing: no loss", lambda: example.unread(_example(True)), None),
    ),
)
