"""DAT005: each batch holds mostly one class, and the network forgets the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.thresholds import CALIBRATED, ENOUGH_STEPS, WEAK
from lifesigns.records import Finding, Floats, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SAMPLES = Threshold(4, "samples in a batch that count", "one sample has one class")
BATCHES = Threshold(5, "batches with known classes", CALIBRATED)
SHARE = Threshold(0.5, "share of the labels' variance between batches", "a majority")
PEAK = Threshold(1.05, "loss over that of a constant", "convention: a twentieth is clearly above")
EXCESS = Threshold(3.0, "share over that of shuffled batches", "convention: three times chance")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    counts = _class_counts(stream)
    if counts is None or len(counts) < BATCHES:
        return
    share, expected = _between_share(counts)
    if share > SHARE and share / expected > EXCESS:
        yield _finding(stream, counts, share, expected)


def _class_counts(stream: Stream) -> Floats | None:
    """Classes in each recorded step, shape `[steps, classes]`; None where they are not known.

    Targets of 0 and 1 in a single unit are two classes. What several backward passes add up to is
    one batch, such as the real and the made samples of a discriminator.
    """
    rows: dict[int, list[Floats]] = {}
    for shot in stream.snapshots:
        if shot.loss is not None and (row := _classes(shot.loss)) is not None:
            rows.setdefault(shot.step, []).append(row)
    width = max((len(row) for those in rows.values() for row in those), default=0)
    padded = ([np.pad(row, (0, width - len(row))) for row in those] for those in rows.values())
    large = [row for those in padded if (row := np.sum(those, axis=0)).sum() >= SAMPLES]
    return np.array(large) if large else None


def _classes(reading: LossReading) -> Floats | None:
    target = reading.target
    if target is None:
        return None
    if target.class_counts is not None:
        return target.class_counts.astype(float)
    sums = target.sums
    if not target.integer_valued or sums.units != 1 or not sums.count[0]:
        return None
    if sums.minimum[0] < 0 or sums.maximum[0] > 1:
        return None
    return np.array([sums.count[0] - sums.total[0], sums.total[0]])


def _between_share(counts: Floats) -> tuple[float, float]:
    """Share of the labels' variance that lies between batches, and that of shuffled ones.

    The variance of classes is the chance that two labels differ (Gini's index).
    """
    sizes = counts.sum(1)
    total = 1 - float(((counts.sum(0) / sizes.sum()) ** 2).sum())
    within = float((sizes * (1 - ((counts / sizes[:, None]) ** 2).sum(1))).sum() / sizes.sum())
    return (1 - within / total if total > 0 else 0.0), float((1 / sizes).mean())


def _finding(stream: Stream, counts: Floats, share: float, expected: float) -> Finding:
    course = stream.course
    single = int((counts.max(1) == counts.sum(1)).sum())
    peak, level = _peak(course), _chance(stream)
    above = peak / level if level else math.inf
    forgets = above > PEAK or course.end > (1 - WEAK) * level
    forgets = forgets and course.steps >= ENOUGH_STEPS
    return RULE.finding(
        Severity.WARNING if forgets else Severity.NOTE,
        f"{single} of {len(counts)} recorded batches hold a single class"
        if single > len(counts) / 2
        else "neighbouring samples have the same class: batches are not shuffled",
        step=stream.first.step,
        measured=f"{share:.0%} of the labels' variance lies between batches"
        + (
            f"; in the second half of the run the loss still reaches {peak:.3g}, "
            f"where a constant prediction has {level:.3g}"
            if forgets
            else ""
        ),
        expected=f"about {expected:.0%}, as in shuffled batches of that size",
        certainty=f"exact, on the labels of {len(counts)} recorded batches",
        causes=("wrong_batch_size", "other"),
        remedies=(
            Remedy(
                "Shuffle the samples in each epoch.",
                "loader = DataLoader(data, batch_size=32, shuffle=True)",
                edit="shuffle",
            ),
            Remedy(
                "In a loop of your own: one permutation for inputs and labels.",
                "order = torch.randperm(len(x))\nx, y = x[order], y[order]",
            ),
        ),
        evidence={"share": share, "expected": expected, "peak": peak, "single": single},
    )


def _chance(stream: Stream) -> float:
    """The level of a constant prediction; of all outputs alike, for not all classes were seen."""
    loss, course = stream.last.loss, stream.course
    if loss is None or loss.kind != "cross_entropy" or loss.prediction is None:
        return course.baseline
    return max(course.baseline, math.log(max(loss.prediction.units, 1)))


def _peak(course: Course) -> float:
    """The level that one loss in twenty of the second half exceeds."""
    late = course.curve[course.steps // 2 :]
    return float(np.quantile(late, 0.95)) if len(late) else float("nan")


# --- cases ----------------------------------------------------------------------------------------
def _example(labels: Sequence[Sequence[int]], losses: Sequence[float], classes: int = 2) -> Trace:
    """One recorded batch for each row of labels, at every tenth step."""
    graph = example.chain("linear", "log_softmax", "nll_loss")
    shots = [
        example.snapshot(
            graph,
            step=10 * i,
            loss=LossReading(
                losses[10 * i],
                "cross_entropy",
                "nll_loss",
                fit=losses[10 * i],
                scale=1.0,
                site=2,
                input_shape=(len(row), classes),
                prediction=example.sums(np.zeros((len(row), classes))),
                target=example.target(row, classes=classes),
            ),
        )
        for i, row in enumerate(labels)
    ]
    return example.trace(*shots, losses=losses)


def _in_two_passes() -> Trace:
    """Each step adds up the gradients of a batch of one class and one of the other."""
    known = _example(_SORTED, _JUMPS)
    others = _example([[1 - label for label in row] for row in _SORTED], _JUMPS)
    shots = [each for pair in zip(known.snapshots, others.snapshots, strict=True) for each in pair]
    return example.trace(*shots, losses=_JUMPS)


_SORTED = [[i // 2 % 2] * 16 for i in range(12)]
_MIXED = [[0, 1] * 8] * 12
_JUMPS = [3.0 if i % 10 == 0 else 0.05 for i in range(120)]
_CALM = list(np.geomspace(0.7, 0.01, 120))

RULE = Rule(
    code="DAT005",
    name="unshuffled-or-single-class-batches",
    title="Batches hold mostly one class, and the others are forgotten",
    why="The gradient of a batch stands for all data only if the batch is a random sample of it. "
    "With one class at a time each step teaches the network to answer that class whatever the "
    "input, and the next class undoes it.",
    sees="""
Data sorted by class, as many data sets are stored, and a loop or loader that does not shuffle.
The loss looks low as long as a class lasts, and jumps when the next one begins.
""",
    evidence="""
The labels of the recorded batches: which share of their variance lies between batches, against the
share in random batches of that size. It alarms if the loss keeps jumping above the level of a
constant prediction in the second half of the run, or ends near it.
""",
    ignore="""
It is a note as long as the loss stays below that of a constant prediction throughout. Rare classes
make many batches of one class without any order; the variance between batches then stays small.
""",
    references=(
        "Bengio 2012, Practical Recommendations for Gradient-Based Training, section 3.3",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.1.3: minibatches at random",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "samples": SAMPLES,
        "batches": BATCHES,
        "share": SHARE,
        "peak": PEAK,
        "excess": EXCESS,
    },
    explains=(
        "loss-flat",
        "constant-output",
        "labels-unrelated",
        "loss-diverges",
        "loss-oscillates",
        "rate-too-high",
        "exploding-gradient",
    ),
    cases=(
        Case("sorted, and the loss jumps", lambda: _example(_SORTED, _JUMPS), Severity.WARNING),
        Case(
            "nearly sorted, and the loss jumps",
            lambda: _example([[*row[:-1], 1 - row[0]] for row in _SORTED], _JUMPS),
            Severity.WARNING,
        ),
        Case("near miss: sorted, but learned", lambda: _example(_SORTED, _CALM), None),
        Case(
            "near miss: a rare class",
            lambda: _example([[0] * 16] * 11 + [[0] * 15 + [1]], _JUMPS),
            None,
        ),
        Case("shuffled", lambda: _example(_MIXED, _JUMPS), None),
        Case("near miss: real and made samples in one step", _in_two_passes, None),
        Case("near miss: batches of one", lambda: _example([[0], [1]] * 6, _JUMPS), None),
        Case(
            "readings missing: no labels", lambda: example.unread(_example(_SORTED, _JUMPS)), None
        ),
    ),
)
