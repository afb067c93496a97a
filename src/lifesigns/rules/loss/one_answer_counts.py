"""LOS030: a mask leaves out whatever is not one single answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.constant import class_counts
from lifesigns.evidence.output import output_sites
from lifesigns.records import (
    Finding,
    Graph,
    Kind,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(2, "recorded steps before all targets are spoken of", "definition")
OBSERVATIONS = Threshold(
    100,
    "observations that count, before they are called one answer",
    "statistics: another answer is then rarer than 3 in 100, with 95 % confidence",
)
CLASSES = Threshold(3, "classes from which one alone is no detector's", "definition")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    readings = [r for r in stream.readings if r.target and not r.ignored_all]
    if len(readings) < STEPS or not all(map(_is_whole, readings)):
        return
    answer, number = _the_one(readings, stream.targets)
    if answer is None or number < OBSERVATIONS:
        return
    if all(map(_hides_others, readings)) or _is_classifier_with_gaps(stream.last, readings):
        yield _finding(stream, readings, answer, number)


def _is_whole(loss: LossReading) -> bool:
    """Whether it is all that is trained on: a term may well be for one kind of sample."""
    return not loss.others and not loss.penalised


def _the_one(
    readings: Sequence[LossReading], targets: UnitSums | None
) -> tuple[float | None, float]:
    """The answer that all targets give, None if they differ; and how many they are."""
    if targets is None or not targets.units:
        return None, 0
    counts, last = class_counts(readings), readings[-1].target
    if last is not None and last.is_index and counts is not None:
        weights = last.class_weights
        kept = counts if weights is None else counts[: len(weights)] * (weights[: len(counts)] > 0)
        return (float(kept.argmax()) if (kept > 0).sum() == 1 else None), float(kept.sum())
    one = float(targets.minimum.min()), float(targets.maximum.max())
    return (one[0] if one[0] == one[1] else None), float(targets.count.min())


def _hides_others(loss: LossReading) -> bool:
    """Whether what is left out holds several answers."""
    target = loss.target
    if target is None:
        return False
    if target.is_index and target.class_weights is not None and target.class_counts is not None:
        off = np.flatnonzero(target.class_weights == 0)
        return int((target.class_counts[off[off < len(target.class_counts)]] > 0).sum()) > 1
    return target.left_out is not None and bool((target.left_out.span > 0).any())


def _is_classifier_with_gaps(last: Snapshot, readings: Sequence[LossReading]) -> bool:
    """Whether a linear layer gives scores of classes, and some targets are left out.

    A contrast of similarities has its answer at the same place always; a classifier has not.
    """
    loss, graph = last.loss, last.graph
    if loss is None or loss.target is None or not loss.target.is_index or loss.prediction is None:
        return False
    gaps = any(r.target and r.target.left_out for r in readings)
    return gaps and loss.prediction.units >= CLASSES and _ends_in_a_layer(graph, loss)


def _ends_in_a_layer(graph: Graph, loss: LossReading) -> bool:
    """Whether nothing but the loss's own softmax stands between a linear layer and the loss."""
    sites = output_sites(graph, loss)
    made = {j for i in sites for j in graph.predecessors(i)} - set(sites)
    alone = all(graph.sites[i].kind is Kind.SOFTMAX for i in sites)
    weighted = [graph.sites[j] for j in made]
    return (
        alone and bool(weighted) and all(s.kind is Kind.LINEAR and s.parameters for s in weighted)
    )


def _finding(
    stream: Stream, readings: Sequence[LossReading], answer: float, number: float
) -> Finding:
    left = [r.target.left_out for r in readings if r.target and r.target.left_out]
    away = float(sum(sums.count.sum() for sums in left))
    site = readings[-1].site
    return RULE.finding(
        Severity.WARNING,
        f"every recorded target that counts is {answer:.6g}; others are left out of the loss",
        site=stream.last.graph.sites[site].name if site >= 0 else "",
        step=stream.first.step,
        measured=f"{number:.0f} targets count in {len(readings)} recorded steps, all of them "
        f"{answer:.6g}"
        + (f"; {away:.0f} are left out" if away else "; the other classes have a weight of 0")
        + stream.course.remark,
        expected="a loss of the targets that the network is to learn",
        certainty=f"exact, on the targets in {stream.seen}",
        causes=("wrong_loss", "wrong_labels", "other"),
        remedies=(_INVERT, _IGNORE),
        evidence={"answer": answer, "counted": number, "left_out": away},
    )


_INVERT = Remedy(
    "Look at the mask: it is 1 where a target counts, and 0 at padding.",
    "mask = target != padding  # not: target == padding\nloss = (each * mask).sum() / mask.sum()",
)
_IGNORE = Remedy(
    "Or let the loss leave padding out by itself.",
    "loss = F.cross_entropy(logits, target, ignore_index=padding)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    kept: Sequence[int], left_out: Sequence[int] = (), *operations: str, **reading: Any
) -> Trace:
    """Four classes; these targets count, and these do not."""
    graph = example.chain("linear", *operations, "log_softmax", "nll_loss", batch=len(kept))
    away = example.sums(np.reshape(left_out, (-1, 1))) if left_out else None
    target = replace(example.target(kept, classes=4), left_out=away)
    loss = LossReading(
        1.0,
        "cross_entropy",
        "nll_loss",
        fit=1.0,
        scale=1.0,
        site=len(graph.sites) - 1,
        prediction=example.sums(np.zeros((len(kept), 4))),
        target=target,
        **reading,
    )
    shots = (example.snapshot(graph, step=s, loss=loss) for s in (0, 50))
    return example.trace(*shots, losses=example.FALLING)


def _weighed(weights: Sequence[float]) -> Trace:
    """The same with a weight for each class."""
    known = _example((0, 1, 2, 3) * 60)
    shots = []
    for shot in known.snapshots:
        assert shot.loss
        assert shot.loss.target
        target = replace(shot.loss.target, class_weights=np.asarray(weights))
        shots.append(replace(shot, loss=replace(shot.loss, target=target)))
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="LOS030",
    name="one-answer-counts",
    title="All targets that count are the same, and others are left out",
    why="A loss teaches only what it counts. If all that counts is one answer, a bias learns it in "
    "a few steps, the loss falls to zero, and nothing of the input was needed.",
    sees="""
A mask that is the wrong way round: padding counts, and what the padding surrounds does not. Or an
ignored index, or weights of classes, that leave out all classes but one. The loss looks splendid.
""",
    evidence="""
In all recorded steps every target that counts is the same class or number, while what a mask, an
ignored index or weights of 0 leave out holds several; or some targets are ignored, and a linear
layer gives scores of three classes or more. The loss is not asked, for it looks better than it is.
""",
    ignore="""
A loss of several terms may have one that is for one kind of samples only, and is not judged. Nor is
a contrast of similarities, whose right answer stands at the same place in every row.
""",
    references=("PyTorch, `torch.nn.CrossEntropyLoss`: ignore_index and weight",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "observations": OBSERVATIONS, "classes": CLASSES},
    explains=("stopped-early", "constant-output", "labels-unrelated", "loss-flat"),
    cases=(
        Case("only padding counts", lambda: _example((0,) * 80, (1, 2, 3) * 30), Severity.WARNING),
        Case(
            "a classifier whose other labels are ignored",
            lambda: _example((0,) * 80, (-100,) * 90),
            Severity.WARNING,
        ),
        Case(
            "weights of 0 for all classes but one",
            lambda: _weighed((1.0, 0.0, 0.0, 0.0)),
            Severity.WARNING,
        ),
        Case("near miss: padding is left out", lambda: _example((1, 2) * 80, (0,) * 90), None),
        Case(
            "near miss: one term of several",
            lambda: _example((0,) * 80, (1, 2, 3) * 30, penalised=True),
            None,
        ),
        Case(
            "the right one of some similarities, with padding",
            lambda: _example((0,) * 80, (-100,) * 90, "mul"),
            None,
        ),
        Case("one class, nothing left out", lambda: _example((0,) * 80), None),
        Case("few targets", lambda: _example((0,) * 20, (1, 2, 3)), None),
        Case("one class has a weight of 0", lambda: _weighed((0.0, 1.0, 1.0, 1.0)), None),
        Case(
            "readings missing: no targets",
            lambda: example.unread(_example((0,) * 80, (1, 2, 3) * 30)),
            None,
        ),
    ),
)
