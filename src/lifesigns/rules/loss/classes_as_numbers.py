"""LOS007: class labels are treated as quantities, or classes as independent of one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.constant import class_counts
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.output import output_sites
from lifesigns.evidence.shares import at_most, percent
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF, RANKS
from lifesigns.records import (
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WORDS = ("words_ignored", "words_kept", "kinds_ignored", "kinds_kept")
"""Details of a loss of tokens: how many words count or do not, and of how many different ones."""
FEWEST = Threshold(3, "classes at the least", "definition: two make a binary target")
CLASSES = Threshold(100, "classes at the most", "convention: larger integers may be counts")
SAMPLES = Threshold(5, "samples per class", "Cochran 1954: expected counts of a χ² test")
UNIFORM = Threshold(
    0.25,
    "variance over that of equally frequent numbers, off 1",
    "two standard errors for 51 samples: 2·√(0.8 / 51)",
)
CENTRED = Threshold(
    0.2,
    "standard deviations of the mean from the middle of the range",
    "two standard errors for 100 samples: 2 / √100",
)
MISS = Threshold(
    1.5, "RMS error over the step from class to class", "arithmetic: 1 is the next class"
)
NAMES = Threshold(20, "classes at the most for that", "convention: more may be a scale")
TOTAL = Threshold(
    1.5,
    "sum of the outputs, a probability",
    "arithmetic: 1 is consistent, half more is no rounding",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss]
    readings = [s.loss for s in shots if s.loss]
    targets, course = stream.targets, stream.course
    if targets is None or not targets.units:
        return
    severity = course.harm(HALF)
    found = (
        _regressed(readings, targets, course, severity)
        or _one_sigmoid(readings, targets, course)
        or _independent(shots, course)
        or _shifted(readings)
    )
    if found:
        yield found


# --- labels as the targets of a regression
def _regressed(
    readings: Sequence[LossReading], targets: UnitSums, course: Course, severity: Severity
) -> Finding | None:
    if readings[-1].kind not in REGRESSIONS or not _are_labels(readings, targets):
        return None
    classes = int(targets.maximum[0] - targets.minimum[0]) + 1
    squared = readings[-1].kind == "squared_error" and course.steps >= ENOUGH_STEPS
    missed = squared and classes <= NAMES and course.end > MISS**2
    return RULE.finding(
        severity if severity is not Severity.NOTE or not missed else Severity.WARNING,
        f"targets look like the numbers of {classes} classes, and a regression is trained on them",
        step=0,
        measured=f"integers from {targets.minimum[0]:.0f} to {targets.maximum[0]:.0f}, about "
        f"equally frequent; {course}",
        expected=f"{classes} outputs and a cross-entropy, if these are classes",
        certainty="the targets are exact; that they are classes is likely: counts and ratings "
        "gather around a centre",
        causes=("wrong_loss", "wrong_output_activation"),
        remedies=_remedies(classes, int(targets.minimum[0])),
        evidence={"classes": classes, "gain": course.gain},
    )


def _are_labels(readings: Sequence[LossReading], targets: UnitSums) -> bool:
    """One unit of integers from 0 or 1 with the mean and variance of equally frequent numbers."""
    integers = all(r.target.integer_valued for r in readings if r.target)
    if not integers or targets.units != 1:
        return False
    low, high, n = targets.minimum[0], targets.maximum[0], targets.count[0]
    classes = high - low + 1
    few = FEWEST <= classes <= CLASSES and n >= SAMPLES * classes
    if low not in (0, 1) or not few:
        return False
    middle, variance = (low + high) / 2, (classes**2 - 1) / 12
    centred = abs(targets.mean[0] - middle) < CENTRED * np.sqrt(variance)
    return bool(centred and abs(targets.variance[0] / variance - 1) < UNIFORM)


# --- labels as the targets of a binary cross-entropy
def _one_sigmoid(
    readings: Sequence[LossReading], targets: UnitSums, course: Course
) -> Finding | None:
    last = readings[-1]
    integers = all(r.target.integer_valued for r in readings if r.target)
    low, high = float(targets.minimum.min()), float(targets.maximum.max())
    if last.kind != "binary_cross_entropy" or last.scale < 0 or not integers:
        return None
    if low < 0 or high <= 1 or targets.units != 1:
        return None
    classes = int(high - low) + 1
    return RULE.finding(
        Severity.ERROR,
        f"one sigmoid for the labels {low:.0f} to {high:.0f}: it can only tell 0 from 1",
        step=0,
        measured=f"a binary cross-entropy on labels up to {high:.0f}; {course}",
        expected="labels 0 and 1, or an output for each class",
        certainty="exact, on the recorded targets",
        causes=("wrong_loss", "wrong_output_activation"),
        remedies=_remedies(classes, int(low)),
        evidence={"target_low": low, "target_high": high},
    )


# --- independent sigmoids where a cross-entropy needs a distribution
def _independent(shots: Sequence[Snapshot], course: Course) -> Finding | None:
    """Harm is measured: probabilities that sum to far more than 1, and say little of the class."""
    loss, site = shots[-1].loss, _only_sigmoid(shots[-1])
    if loss is None or site is None or loss.kind != "cross_entropy" or loss.prediction is None:
        return None
    given = loss.prediction
    if given.units < 2 or not (loss.handwritten or loss.operation == "nll_loss"):
        return None
    total = float(np.exp(given.mean).sum() if given.maximum.max() <= 0 else given.mean.sum())
    harmed = total > TOTAL and not course.correlation > RANKS
    return RULE.finding(
        Severity.WARNING if harmed and course.steps >= ENOUGH_STEPS else Severity.NOTE,
        f"{given.units} independent sigmoids feed a cross-entropy for one class out of several",
        site=site.name,
        step=shots[0].step,
        measured=f"the outputs sum to {total:.3g}; outputs and classes correlate at "
        f"{course.correlation:.2f}",
        expected="a softmax: outputs that sum to 1",
        certainty="proved on the graph",
        causes=("wrong_output_activation", "wrong_loss"),
        remedies=_remedies(given.units, 0),
        evidence={"total": total, "correlation": course.correlation},
    )


def _only_sigmoid(snapshot: Snapshot) -> Site | None:
    """The sigmoid of the output, if nothing else could make its values a distribution."""
    if snapshot.loss is None:
        return None
    sites = [snapshot.graph.sites[i] for i in output_sites(snapshot.graph, snapshot.loss)]
    squashing = [site for site in sites if site.operation in ("sigmoid", "softmax", "log_softmax")]
    return squashing[0] if [s.operation for s in squashing] == ["sigmoid"] else None


# --- labels that start at 1, or of which the loss leaves out the first
def _shifted(readings: Sequence[LossReading]) -> Finding | None:
    """Costs an output that is never asked for; the network learns all the same."""
    counts, last = class_counts(readings), readings[-1]
    units = last.prediction.units if last.prediction else 0
    if counts is None or last.kind != "cross_entropy" or not (last.target and last.target.is_index):
        return None
    if units < FEWEST or len(counts) < units or counts[0] > 0 or not (counts[1:units] > 0).all():
        return None
    away = [r.target.left_out for r in readings if r.target and r.target.left_out]
    if away and all((sums.minimum == 0).all() and (sums.maximum == 0).all() for sums in away):
        zeros = float(sum(sums.count.sum() for sums in away))
        return _left_out(readings, units, kept=float(counts.sum()), zeros=zeros)
    rest = at_most(sum(r.target.shape[0] for r in readings if r.target))
    return RULE.finding(
        Severity.NOTE,
        f"the recorded labels run from 1 to {units - 1}: none asks for output 0",
        step=0,
        measured=f"no label 0 among {counts.sum():.0f}, in "
        f"{counted(len(readings), 'recorded step')}",
        expected=f"labels from 0 to {units - 2}, and {units - 1} outputs",
        certainty=f"label 0 is at most {percent(rest)} of all labels, at 95 % confidence",
        causes=("wrong_labels",),
        remedies=(Remedy("Count classes from 0.", "target = target - 1"),),
        evidence={"units": units, "labels": float(counts.sum()), "zeros": 0},
        intervals={"zeros": (0, rest)},
    )


def _left_out(readings: Sequence[LossReading], units: int, *, kept: float, zeros: float) -> Finding:
    """Right for padding and for what nobody has labelled; a class of that number is not learned."""
    words = _ignored_words(readings, units)
    return RULE.finding(
        Severity.WARNING if words else Severity.NOTE,
        f"the loss leaves out label 0, {percent(zeros / (zeros + kept))} of all"
        + (f", which most words have ({words} different ones)" if words else "")
        + ": a class of that number is not learned",
        step=0,
        measured=f"label 0 is ignored {zeros:.0f} times, the others count {kept:.0f} times, in "
        f"{counted(len(readings), 'recorded step')}",
        expected="an ignored label that stands for padding or for what has no label",
        certainty="exact, on the recorded targets; what label 0 means, the program alone knows",
        causes=("wrong_loss", "wrong_labels"),
        remedies=(
            Remedy(
                "Ignore a number that is no class: leave `ignore_index` at its default, or mark "
                "what has no label with 255.",
                "criterion = nn.CrossEntropyLoss(ignore_index=255)",
            ),
        ),
        evidence={"labels": kept, "zeros": zeros},
        why="What a loss ignores has no gradient. A class whose number is ignored is never asked "
        "for, so the network answers with another one wherever that class is right.",
    )


def _ignored_words(readings: Sequence[LossReading], units: int) -> int:
    """How many different words have label 0, if most have and neither they nor others are few.

    Padding and signs are few; in a text that is masked all that counts is one sign.
    """
    known = [[loss.details[of] for of in WORDS] for loss in readings if WORDS[0] in loss.details]
    if not known:
        return 0
    ignored, kept = np.sum(known, axis=0)[:2]
    most = np.max(known, axis=0)[2:]
    return int(most[0]) if ignored > kept and most.min() > units else 0


def _remedies(classes: int, low: int) -> tuple[Remedy, ...]:
    shift = f" - {low}" if low else ""
    return (
        Remedy(
            "An output for each class, and the cross-entropy over all of them.",
            f"model[-1] = nn.Linear(width, {classes})\n"
            f"loss = F.cross_entropy(logits, target.long(){shift})",
        ),
    )


# --- cases ----------------------------------------------------------------------------------------
_TEN = tuple(range(10)) * 12
_COUNTS = tuple(np.random.default_rng(0).poisson(3.0, 200).tolist())
_POOR = [8.0] * 200
_FITS = list(np.geomspace(8, 0.4, 200))


def _example(
    targets: Sequence[float],
    kind: str,
    losses: Sequence[float],
    *operations: str,
    outputs: float = 0.5,
    units: int = 1,
    classes: int = 0,
    ignored: int = 0,
) -> Trace:
    """A batch of all targets at each recorded step, and the same output for each."""
    graph = example.chain("linear", *operations, units=4, batch=len(targets))
    away = example.sums(np.zeros((ignored, 1))) if ignored else None
    asked = example.target(np.reshape(targets, (-1, 1)), classes=classes)
    return example.fitting(
        graph,
        losses,
        np.full((len(targets), units), outputs),
        replace(asked, left_out=away),
        kind=kind,
        handwritten="log" in operations,
        correlation=0.1,
    )


def _squared(targets: Sequence[float], losses: Sequence[float] = _POOR) -> Trace:
    return _example(targets, "squared_error", losses, "mse_loss")


def _labels(targets: Sequence[float], units: int, ignored: int = 0) -> Trace:
    """Labels for a cross-entropy of as many classes."""
    way, losses, operations = "cross_entropy", [1.0] * 200, ("log_softmax", "nll_loss")
    return _example(targets, way, losses, *operations, units=units, classes=units, ignored=ignored)


def _ignoring(words: float = 0, kinds: float = 0) -> Trace:
    """Label 0 is ignored: at so many words of a step, among 40 others of 12 kinds."""
    known = _labels((1, 2, 3) * 40, 4, ignored=120)
    return example.marked(known, dict(zip(WORDS, (words, 40.0, kinds, 12.0), strict=True)))


RULE = Rule(
    code="LOS007",
    name="classes-as-numbers",
    title="Class labels are treated as quantities, or classes as independent",
    why="The number of a class is a name: class 9 is not three times class 3, and who wavers "
    "between 3 and 5 should not answer 4. An output for each class and a cross-entropy over all of "
    "them ask for what is wanted: the probability of each class.",
    sees="""
Integer class labels as targets of a squared error. One sigmoid with a binary cross-entropy for
more than two classes. A sigmoid for each class in front of a categorical cross-entropy, where all
outputs can grow together. And labels from 1, which cost an output, or a class 0 that is ignored.
""",
    evidence="""
Regression: one output, and targets that are integers from 0 or 1 with the mean and variance of
equally frequent numbers, together with a weak fit: less than half of the variance, or off by more
than one class. Binary cross-entropy: integers above 1. Sigmoids
before a categorical cross-entropy: the graph, with outputs that sum to far more than 1 and hardly
tell the classes apart. A label 0 that is ignored: an alarm if it is that of most words of a text,
and of more different words than there are classes.
""",
    ignore="""
Counts and ratings are integers too, and a regression on them is fine: they gather around a centre.
Where a regression on labels fits them well it is a note: they have an order that means something.
So is an ignored label 0, which is right for padding and for what has no label; of words, for the
pieces behind the first one of each, if these are most of the text.
""",
    references=(
        "Bishop 2006, Pattern Recognition and Machine Learning, section 4.1.3: least squares",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2: output units",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "fewest": FEWEST,
        "classes": CLASSES,
        "centred": CENTRED,
        "samples": SAMPLES,
        "uniform": UNIFORM,
        "miss": MISS,
        "names": NAMES,
        "learned": HALF,
        "total": TOTAL,
    },
    explains=("loss-flat", "constant-output", "squared-error-on-saturated-output"),
    cases=(
        Case("ten classes by squared error", lambda: _squared(_TEN), Severity.WARNING),
        Case("off by more than one class", lambda: _squared(_TEN, [3.0] * 200), Severity.WARNING),
        Case(
            "one sigmoid for ten classes",
            lambda: _example(
                _TEN, "binary_cross_entropy", _POOR, "binary_cross_entropy_with_logits"
            ),
            Severity.ERROR,
        ),
        Case(
            "all sigmoids say yes",
            lambda: _example(
                _TEN,
                "cross_entropy",
                list(np.geomspace(0.7, 0.01, 200)),
                "sigmoid",
                "log",
                outputs=0.98,
                units=10,
                classes=10,
            ),
            Severity.WARNING,
        ),
        Case("near miss: an order that can be learned", lambda: _squared(_TEN, _FITS), None),
        Case("labels from 1", lambda: _labels((1, 2, 3) * 40, 4), Severity.NOTE),
        Case("label 0 is ignored", lambda: _ignoring(), Severity.NOTE),
        Case("label 0 is that of most words", lambda: _ignoring(90, 20), Severity.WARNING),
        Case("label 0 is that of some pieces of words", lambda: _ignoring(20, 15), Severity.NOTE),
        Case("label 0 is that of a sign at the end", lambda: _ignoring(90, 1), Severity.NOTE),
        Case("near miss: counts", lambda: _squared(_COUNTS), None),
        Case(
            "near miss: labels from 1 to 9 for ten outputs",
            lambda: _labels(tuple(range(1, 10)) * 9, 10),
            None,
        ),
        Case("two classes by squared error", lambda: _squared((0, 1) * 50, [0.25] * 200), None),
        Case("readings missing: no targets", lambda: example.unread(_squared(_TEN)), None),
    ),
)
