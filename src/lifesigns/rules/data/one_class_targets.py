"""DAT008: every target is one and the same class, or all say yes, or no."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.output import BOUNDARY, output_sites
from lifesigns.evidence.shares import at_most, percent
from lifesigns.records import (
    Finding,
    Floats,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNSEEN = Threshold(0.1, "share of the samples that may still be of another class", "convention")
DONE = Threshold(0.01, "loss at the end, over that of equal scores", "convention: nothing is left")
JUMP = Threshold(3.0, "loss over the median of those before it", "a sample of another class shows")
WRONG = math.log(2)
"""What a target of another class costs at least, where the right answer is the likelier one."""
BEFORE = Threshold(8, "steps before one that its loss is compared with", "convention")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, of a run with a single loss."""
    if len(run.streams) == 1:
        yield from _check(run.streams[0])


def _check(stream: Stream) -> Iterable[Finding]:
    readings = stream.readings
    if not readings or not all(map(_is_of_classes, readings)):
        return
    if len({len(_counts(reading)) for reading in readings}) > 1:  # another last layer since
        return
    counts = sum((_counts(reading) for reading in readings), np.zeros(len(_counts(readings[0]))))
    samples = sum(reading.input_shape[0] for reading in readings)
    if np.count_nonzero(counts) != 1 or at_most(samples) > UNSEEN:
        return
    sites = _scores(stream.last)
    if sites and _is_trained(stream, sites) and _never_jumps(stream, counts):
        yield _finding(stream, sites[0], counts, samples)


def _is_of_classes(loss: LossReading) -> bool:
    target = loss.target
    return (
        target is not None
        and ((target.is_index and target.class_counts is not None) or _is_yes_or_no(loss))
        and loss.kind in ("cross_entropy", "binary_cross_entropy")
        and target.left_out is None
        and not loss.others
        and bool(loss.input_shape)
    )


def _is_yes_or_no(loss: LossReading) -> bool:
    """Whether each target is 0 or 1, and nothing else is minimised: negatives may be a term."""
    if loss.kind != "binary_cross_entropy" or loss.target is None or loss.penalised:
        return False
    least, most = loss.target.sums.minimum, loss.target.sums.maximum
    return loss.target.integer_valued and float(least.min()) >= 0 and float(most.max()) <= 1


def _counts(loss: LossReading) -> Floats:
    target = loss.target
    if target is None:
        return np.zeros(0)
    if _is_yes_or_no(loss):
        number, ones = (float(x.sum()) for x in (target.sums.count, target.sums.total))
        return np.array([number - ones, ones])
    return np.zeros(0) if target.class_counts is None else target.class_counts.astype(float)


def _scores(snapshot: Snapshot) -> list[Site]:
    """The layer with weights of its own for each class; similarities are no scores of classes.

    Of a yes or no, whatever gives the score.
    """
    graph, loss = snapshot.graph, snapshot.loss
    if loss is None or loss.target is None or loss.site < 0:
        return []
    between = [loss.site, *output_sites(graph, loss)]
    ends = {j for i in between for j in graph.predecessors(i) if graph.sites[j].kind in BOUNDARY}
    sites = [graph.sites[j] for j in sorted(ends)]
    if not _is_yes_or_no(loss) and not (len(sites) == 1 and sites[0].units == len(_counts(loss))):
        return []
    return sites if all(site.parameters for site in sites) else []


def _is_trained(stream: Stream, sites: Sequence[Site]) -> bool:
    """Whether the weights of the scores move; against a frozen network an answer may be wanted."""
    names = {name for site in sites for name in site.parameters}
    return any(
        reading.name in names and reading.trainable and reading.update_rms > 0
        for snapshot in stream.snapshots
        for reading in snapshot.parameters
    )


def _never_jumps(stream: Stream, counts: Floats) -> bool:
    """Whether the loss of every step says that no sample of another class came."""
    losses = stream.losses
    if len(losses) <= BEFORE or not np.isfinite(losses).all():
        return False
    windows = np.lib.stride_tricks.sliding_window_view(losses[:-1], int(BEFORE))
    jump = losses[int(BEFORE) :] / np.maximum(np.median(windows, axis=1), _least(stream) / JUMP)
    left = float(np.median(losses[-int(BEFORE) :])) / math.log(max(len(counts), 2))
    return float(jump.max()) < JUMP and left < DONE


def _least(stream: Stream) -> float:
    """What one target of another class adds to the loss of a whole batch, at least."""
    of_one = [
        WRONG * loss.scale / max(float(_counts(loss).sum()), 1.0)
        for loss in stream.readings
        if loss.target is not None and loss.target.class_weights is None
    ]
    known = [cost for cost in of_one if math.isfinite(cost)]
    return min(known) if known and len(known) == len(stream.readings) else 1e-30


def _finding(stream: Stream, scores: Site, counts: Floats, samples: int) -> Finding:
    number, only, seen = int(counts.sum()), int(counts.argmax()), stream.seen
    symptom, all_of = f"every target is class {only} of {len(counts)}", f"all of class {only}"
    remedies: tuple[Remedy, ...] = (_LOOK,)
    if _is_yes_or_no(stream.readings[-1]):
        symptom, all_of = f"every target is {only}: nothing tells yes from no", f"all {only}"
        remedies = (_DRAW, _LOOK) if only else remedies
    return RULE.finding(
        Severity.ERROR,
        symptom + ("" if seen.whole else f" in {seen}"),
        site=scores.name,
        step=stream.first.step,
        measured=f"{number} targets of {samples} samples, {all_of}" + stream.course.remark,
        expected="targets of at least two classes",
        certainty="exact, by the targets"
        if seen.whole
        else f"others are at most {percent(at_most(samples))} of all samples, 95 % confidence; "
        "the loss of no step shows one",
        causes=("wrong_labels", "other"),
        remedies=remedies,
        evidence={"targets": number, "samples": samples, "class": only},
    )


_LOOK = Remedy(
    "Look at the targets as they are read: a division that rounds down, a wrong column or a filter "
    "leaves one class.",
    "print(target.unique(return_counts=True))",
)
_DRAW = Remedy(
    "Where only what happened was written down, draw what did not, and give it the target 0.",
    "items = torch.cat([items, torch.randint(n_items, items.shape)])  # targets: 1, then 0",
)


# --- cases ----------------------------------------------------------------------------------------
_GONE = tuple(float(x) for x in np.geomspace(0.7, 1e-6, 120))
_HIGH = tuple(float(x) for x in np.linspace(0.7, 0.3, 120))
_SORTED = (*_GONE, *(5.0 / (1 + i) for i in range(20)), *_GONE)


def _example(
    labels: Sequence[int],
    losses: Sequence[float] = _GONE,
    *,
    layer: str = "linear/2",
    update: float = 1e-3,
    loss: LossReading | None = None,
) -> Trace:
    """Recorded batches with these labels, at every tenth step of the first half."""
    graph = example.chain("linear", "relu", layer, "log_softmax", "nll_loss")
    known = loss or LossReading(
        0.0,
        "cross_entropy",
        "nll_loss",
        scale=1.0,
        site=4,
        input_shape=(len(labels), 2),
        prediction=example.sums(np.zeros((len(labels), 2))),
        target=example.target(labels, classes=2),
    )
    shots = [
        example.snapshot(
            graph,
            step=step,
            parameters=example.weights(graph, update_rms=update),
            loss=replace(known, value=losses[step], fit=losses[step]),
        )
        for step in range(0, 60, 10)
    ]
    return example.trace(*shots, losses=losses)


def _yes_or_no(
    answers: Sequence[float], losses: Sequence[float] = _GONE, *, penalised: bool = False
) -> Trace:
    """Recorded batches of a binary cross-entropy with these targets."""
    loss = LossReading(
        0.0,
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        scale=1.0,
        site=4,
        input_shape=(len(answers),),
        target=example.target(answers),
        penalised=penalised,
    )
    return _example([], losses, layer="linear/1", loss=loss)


RULE = Rule(
    code="DAT008",
    name="one-class-targets",
    title="Every target is one and the same class",
    why="Where all samples want one answer, the best answer ignores the input. The loss falls to "
    "0 all the same, for that answer is always right.",
    sees="""
Masks that were divided once too often, so that all of them are 0; a wrong column, or a filter that
left one class; a recommender that is shown purchases alone, all with the target 1. Nothing fails,
and the loss looks better than that of any honest task.
""",
    evidence="""
All targets of the recorded batches, exactly. The steps between are judged by their loss: at a
sample of another class it would jump, and it must have gone to 0 without a jump.
""",
    ignore="""
Targets may be constant by construction: a discriminator that takes turns, or a contrastive loss
whose scores are similarities (the right one is always the first). It is only said of a single loss,
and of a layer that has weights of its own for each class and is trained; of a binary cross-entropy,
where nothing else is minimised.
""",
    references=("scikit-learn, `LogisticRegression.fit`: refuses targets of one class",),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"unseen": UNSEEN, "done": DONE, "jump": JUMP, "before": BEFORE},
    explains=("constant-output", "dead-units", "vanishing-gradient", "stopped-early"),
    cases=(
        Case("all of class 0", lambda: _example([0] * 16), Severity.ERROR),
        Case("all of class 1", lambda: _example([1] * 16), Severity.ERROR),
        Case("all are 1", lambda: _yes_or_no([1] * 16), Severity.ERROR),
        Case("all are 0", lambda: _yes_or_no([0] * 16), Severity.ERROR),
        Case("near miss: a 0 among them", lambda: _yes_or_no([1] * 15 + [0]), None),
        Case("near miss: the zeros come later", lambda: _yes_or_no([1] * 16, _SORTED), None),
        Case("near miss: shares", lambda: _yes_or_no([0.9] * 16), None),
        Case("near miss: another term as well", lambda: _yes_or_no([1] * 16, penalised=True), None),
        Case("near miss: one of another class", lambda: _example([0] * 15 + [1]), None),
        Case("near miss: the other class comes later", lambda: _example([0] * 16, _SORTED), None),
        Case(
            "near miss: scores that are similarities",
            lambda: _example([0] * 16, layer="matmul"),
            None,
        ),
        Case("near miss: the network is frozen", lambda: _example([0] * 16, update=0.0), None),
        Case("near miss: few samples", lambda: _example([0] * 2), None),
        Case("near miss: the loss is still high", lambda: _example([0] * 16, _HIGH), None),
        Case("readings missing: no targets", lambda: example.unread(_example([0] * 16)), None),
    ),
)
