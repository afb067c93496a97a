"""DAT050: what holds for new samples of the training does not hold in evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.answered import CHANCE, Answered, answered
from lifesigns.evidence.epochs import EPOCHS, STEPS, epochs_of
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import (
    Answers,
    EvaluationPass,
    Finding,
    Kind,
    Loader,
    Quantity,
    Remedy,
    Severity,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LATELY = Threshold(20, "steps of training before an evaluation", "their mean is little noise")
CLEAR = Threshold(0.8, "share of a class's samples that get one answer", "nearly all")
SAMPLES = Threshold(8, "samples of a class, at least", "fewer may agree by chance")
CLASSES = Threshold(2, "classes that get the number of another", "one may look like another")
MANY = Threshold(0.5, "share of the classes seen that get another's number", "most of them")
ENOUGH = Threshold(50, "samples of an evaluation, at least", "chance is known to a seventh")
VARIED = Threshold(
    0.6, "share of answers that would be right by chance, at most", "of one class most are"
)
FITTED = Threshold(
    0.3, "share of the baseline learned in the epoch before", "more than a few easy samples"
)
WITHIN = Threshold(
    0.5,
    "share of the loss's fall that happened within epochs, at least with its error",
    "half: what was learned of one sample helps with new ones",
)
ERRORS = Threshold(2, "standard errors of that share that are taken off", "95 % certainty")
MOST = Threshold(
    0.8, "share of the loss's fall after which epochs count no more", "a definition: four fifths"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    if not stream.is_alone or stream.number:
        return
    renamed = [
        (one, names)
        for one in answered(stream, int(LATELY), HALF)
        if (names := _moved(one.renamed(CLEAR, int(SAMPLES))))
    ]
    if renamed:
        yield _numbered_otherwise(stream, *renamed[0])
    elif not _has_running_statistics(stream):
        yield from _guesses(stream)


def _moved(names: dict[int, int]) -> dict[int, int]:
    """Classes that consistently get the number of another; none unless most of them do."""
    moved = {label: answer for label, answer in names.items() if label != answer}
    is_one_to_one = len(set(names.values())) == len(names)
    enough = len(moved) >= CLASSES and len(moved) > MANY * len(names)
    return moved if is_one_to_one and enough else {}


def _has_running_statistics(stream: Stream) -> bool:
    """Whether a batch normalisation may answer otherwise in evaluation."""
    sites = (site for shot in stream.snapshots for site in shot.graph.sites)
    return any(site.kind is Kind.NORM and "batch" in site.operation for site in sites)


def _guesses(stream: Stream) -> Iterable[Finding]:
    """New samples of the training are known, and those of all evaluations are not."""
    for loader in stream.trace.loaders:
        epochs = epochs_of(stream, loader)
        if epochs is None or epochs.fall <= 0:
            continue
        first = epochs.until(MOST, int(EPOCHS))
        if first.share_within - ERRORS * first.error < WITHIN:
            continue
        seen = list(answered(stream, epochs.losses.shape[1], FITTED))
        if seen and all(map(_is_guessed, seen)):
            yield _unrelated(stream, seen[0], first.share_within)
            return


def _is_guessed(one: Answered) -> bool:
    is_varied = one.samples >= ENOUGH and one.expected < VARIED * one.samples
    return is_varied and one.is_chance and one.answers.loss >= one.entropy


def _numbered_otherwise(stream: Stream, one: Answered, moved: dict[int, int]) -> Finding:
    pairs = ", ".join(f"{label} → {answer}" for label, answer in islice(moved.items(), 4))
    return RULE.finding(
        Severity.WARNING,
        f"the classes are numbered otherwise in evaluation: {len(moved)} of them get the number of "
        "another",
        site="output",
        step=one.step,
        measured=f"{one.samples} samples were evaluated after step {one.step}, and nearly all of a "
        f"class get one answer, which is not their label: {pairs}{stream.course.remark}",
        expected="one table of classes, made once, for training and evaluation",
        certainty=f"at least {CLEAR:.0%} of the samples of each of these classes agree",
        causes=("wrong_labels", "other"),
        remedies=(_CLASSES,),
        evidence={"moved": len(moved), "samples": one.samples, "right": one.right},
    )


def _unrelated(stream: Stream, one: Answered, within: float) -> Finding:
    looked_up = any(s.kind is Kind.EMBEDDING for s in stream.last.graph.sites)
    return RULE.finding(
        Severity.WARNING,
        "the network guesses in evaluation, and knows new samples of the training: "
        + (
            "there the numbers of words or items seem to mean others"
            if looked_up
            else "there samples or labels seem to be prepared otherwise"
        ),
        site="input",
        step=one.step,
        measured=f"{one.right} of {one.samples} samples evaluated after step {one.step} are right, "
        f"{one.expected:.0f} would be by chance, and their loss is {one.answers.loss:.3g}, of a "
        f"constant prediction {one.entropy:.3g}; {within:.0%} of the fall of the training's loss "
        "happened within epochs, on samples that are new",
        expected="answers to held-out samples as good as to new ones of the training",
        certainty="at 95 %; that the data of the evaluation are meant to be others is not known",
        causes=("wrong_labels", "other"),
        remedies=(_TABLE, _PAIRS) if looked_up else (_PAIRS, _TABLE),
        evidence={"right": one.right, "expected": one.expected, "samples": one.samples},
    )


_CLASSES = Remedy(
    "Number the classes once, from the training set, and use these numbers wherever the network is "
    "used.",
    "val_set = Folder(val, class_to_idx=train_set.class_to_idx)  # or encoder.transform, not "
    "fit_transform",
)
_TABLE = Remedy(
    "Build the table of words or items once, from the training set, and look up everything in it.",
    "vocabulary = build(train_texts)\ntest = [[vocabulary.get(w, 0) for w in t] for t in texts]",
)
_PAIRS = Remedy(
    "Pass one sample through the preparation of the training and that of the evaluation: both have "
    "to give the same.",
    "print(train_set.prepare(sample), test_set.prepare(sample))",
)


# --- cases ----------------------------------------------------------------------------------------
_LOADER = Loader(samples=640, batch=32, begun=12, steps=12)


def _example(
    answers: Sequence[Sequence[int]],
    *,
    loss: float = 2.0,
    step: int = 200,
    within: float = 1.0,
    first: str = "linear",
    loader: Loader = _LOADER,
) -> Trace:
    """Twelve epochs of 20 steps, and what was answered to some classes after one step."""
    steps = np.arange(240)
    fall = within * steps / 240 + (1 - within) * (steps // 20) / 12
    noise = 0.02 * np.random.default_rng(0).standard_normal(240)
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    known = example.fitting(
        example.chain(first, "relu", "linear/1", "mse_loss", batch=32),
        list(1.0 - 0.9 * fall + noise),
        0.1 * sign,
        example.target(sign),
    )
    told = Answers(np.array(answers), loss)
    passes = (EvaluationPass(step, samples=int(told.counts.sum()), answers=told),)
    return replace(known, evaluations=passes, loaders=(loader,))


_MOVED = [[0, 38, 2, 0], [1, 0, 37, 2], [0, 0, 3, 37], [0, 0, 0, 0]]
_GUESSED = [[8, 9, 5, 8], [9, 5, 8, 4], [7, 6, 7, 6], [5, 8, 6, 6]]
_RIGHT = [[28, 1, 0, 1], [0, 25, 1, 0], [2, 0, 24, 0], [0, 0, 1, 24]]
_SWAPPED = [[2, 48], [47, 3]]

RULE = Rule(
    code="DAT050",
    name="guesses-in-evaluation",
    title="What is learned of new samples does not hold in evaluation",
    why="Numbers of classes, words or items mean what the table says that they were taken from. "
    "Where evaluation makes a table of its own, the same number means another class, or another "
    "word: the network is right about a question that nobody asked, and nothing fails.",
    sees="""
The classes of a validation set are numbered by its own folders, and one of them is missing; the
vocabulary is built anew from the test texts; an encoder is fitted again where it was to transform.
The loss of the training falls as it should, and the score of the evaluation is at chance, or below.
""",
    evidence="""
The answers beside the labels, where `cross_entropy` or `nll_loss` is taken of the first pass of an
evaluation, up to 64 classes. Where the training is half fitted and four fifths of the samples of
each class get one number, no two classes the same, and for most of them, two at least, it is
another than their own: the classes are numbered otherwise.

Or no more answers are right than by chance, at each place that evaluates, and the loss is no better
than that of a constant, while in training most of the loss's fall happened within epochs, on
samples that are new until they are seen. A network that overfits knows new samples the less, the
longer it trains; but in the first epochs those of both sets alike.
""",
    ignore="""
Samples that were changed to be mistaken, or of a kind that is not trained on. Without a loader the
epochs are not known, and only the numbers of classes are judged; nor are guesses where a batch
normalisation may have other statistics in evaluation.
""",
    references=(
        "PyTorch, `torchvision.datasets.ImageFolder`: classes are numbered by the folders found",
        "scikit-learn documentation, Common pitfalls: inconsistent preprocessing",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "lately": LATELY,
        "half": HALF,
        "clear": CLEAR,
        "samples": SAMPLES,
        "classes": CLASSES,
        "many": MANY,
        "enough": ENOUGH,
        "varied": VARIED,
        "fitted": FITTED,
        "within": WITHIN,
        "errors": ERRORS,
        "chance": CHANCE,
        "most": MOST,
        "epochs": EPOCHS,
        "steps": STEPS,
    },
    cases=(
        Case("each class has the number of the next", lambda: _example(_MOVED), Severity.WARNING),
        Case("two classes are exchanged", lambda: _example(_SWAPPED), Severity.WARNING),
        Case("no better than chance", lambda: _example(_GUESSED), Severity.WARNING),
        Case(
            "no better than chance, of words",
            lambda: _example(_GUESSED, first="embedding"),
            Severity.WARNING,
        ),
        Case("near miss: as in training", lambda: _example(_RIGHT, loss=0.3), None),
        Case(
            "near miss: one class looks like another",
            lambda: _example([[0, 40, 0], [0, 40, 0], [0, 1, 39]], loss=0.9),
            None,
        ),
        Case("near miss: hardly trained", lambda: _example(_MOVED, step=40, loss=1.0), None),
        Case("near miss: learned by heart", lambda: _example(_GUESSED, within=0.2), None),
        Case("near miss: overfitted", lambda: _example(_RIGHT, loss=3.0), None),
        Case("near miss: few samples", lambda: _example([[3, 4], [4, 3]]), None),
        Case("near miss: all are of one class", lambda: _example([[0, 0], [20, 80]]), None),
        Case(
            "near miss: normalised by statistics",
            lambda: _example(_GUESSED, first="batch_norm"),
            None,
        ),
        Case("readings missing: no loader", lambda: _example(_GUESSED, loader=Loader(0, 0)), None),
    ),
)
