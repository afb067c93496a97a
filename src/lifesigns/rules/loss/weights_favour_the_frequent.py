"""LOS062: the classes that occur often weigh more in the loss than the rare ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Floats, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ENOUGH = Threshold(
    100,
    "targets in the recorded steps",
    "binomial: a class that half of all have is seen 40 to 60 times",
)
APART = Threshold(
    3.0,
    "occurrences of the most frequent class over those of the rarest",
    "a definition: a fall from 75 % to 25 % of two classes",
)
UNEVEN = Threshold(1.5, "largest weight over the smallest", "a definition: clearly uneven")
TOGETHER = Threshold(
    0.9, "correlation of the logarithms of weights and occurrences", "Cohen 1988: 0.5 is large"
)
STEEP = Threshold(
    0.4,
    "power of the occurrences that the weights follow",
    "arithmetic: 0.5 is their square root, 1 the occurrences themselves",
)

CLOSE = Threshold(
    1.1,
    "factor between the ratio of two weights and that of the occurrences, or its root",
    "a definition: what mistakes cost seldom meets it; beside it a standard error of the counts",
)
ERRORS = Threshold(
    3, "standard errors of the counts, where nothing was learned with such weights", "normal: 0.3 %"
)


class Weighed(NamedTuple):
    """How often each class occurs, and what it weighs."""

    counts: Floats
    weights: Floats


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = [found for loss in stream.readings if (found := _weighed(loss)) is not None]
    if not known or any(each.weights.shape != known[0].weights.shape for each in known):
        return
    weights = known[-1].weights
    counts = np.sum([each.counts for each in known], axis=0)
    kept = weights > 0  # a class of weight 0 is left out on purpose
    weights, counts = weights[kept], counts[kept]
    if len(weights) < 2 or counts.sum() < ENOUGH or not np.isfinite(weights).all():
        return
    if (counts.max() + 1) / (counts.min() + 1) < APART or weights.max() / weights.min() < UNEVEN:
        return
    power, together = _followed(np.log(counts + 1), np.log(weights))
    if together < TOGETHER or power < STEEP:
        return
    often, rare = int(counts.argmax()), int(counts.argmin())
    errors = 1.0 if stream.course.learned else ERRORS
    if len(np.unique(weights)) <= 2 and not _is_a_power(
        weights[often] / weights[rare], counts[often] + 1, counts[rare] + 1, errors
    ):
        return  # two numbers always rise together, or fall
    yield RULE.finding(
        Severity.WARNING,
        "classes weigh more in the loss the more often they occur",
        step=stream.first.step,
        measured=f"the most frequent class has {counts[often] / counts.sum():.1%} of the targets "
        f"and a weight of {weights[often]:.3g}, the rarest {counts[rare] / counts.sum():.1%} and "
        f"{weights[rare]:.3g}{stream.course.remark}",
        expected="weights that fall with the number of occurrences, as its inverse does",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_loss",),
        remedies=(_INVERSE,),
        evidence={"power": power, "correlation": together},
    )


def _is_a_power(weight: float, often: float, rare: float, errors: float) -> bool:
    """Whether the ratio of two weights is about that of the counts, or its square root."""
    ratio, error = np.log(often / rare), errors * np.sqrt(1 / often + 1 / rare)
    return any(
        abs(np.log(weight) - power * ratio) < np.log(CLOSE) + power * error for power in (0.5, 1.0)
    )


def _weighed(loss: LossReading) -> Weighed | None:
    """The classes of a cross-entropy; of a binary one with `pos_weight`, no and yes."""
    target = loss.target
    if target is None:
        return None
    if target.class_weights is not None and target.class_counts is not None:
        counts = np.asarray(target.class_counts, float)
        return Weighed(counts, target.class_weights) if len(counts) > 1 else None
    positive, sums = loss.details.get("pos_weight"), target.sums
    if positive is None or sums.units != 1 or not target.integer_valued:
        return None
    yes, every = float(sums.total[0]), float(sums.count[0])
    return Weighed(np.array([every - yes, yes]), np.array([1.0, positive]))


def _followed(occurrences: Floats, weights: Floats) -> tuple[float, float]:
    """The slope of the weights over the occurrences, both logarithms, and their correlation."""
    x, y = occurrences - occurrences.mean(), weights - weights.mean()
    across = float(x @ y)
    return across / float(x @ x), across / float(np.sqrt((x @ x) * (y @ y)))


_INVERSE = Remedy(
    "Weigh each class by the inverse of how often it occurs.",
    "weight = counts.sum() / (len(counts) * counts)",
    edit="invert-weights",
)


# --- cases ----------------------------------------------------------------------------------------
_OFTEN = (88, 7, 5)


def _example(weights: Iterable[float], counts: Iterable[int] = _OFTEN, *, times: int = 2) -> Trace:
    """Classes that occur this often in each of some recorded steps, and weigh this much."""
    classes = np.repeat(np.arange(3), list(counts))
    graph = example.chain("linear/3", "log_softmax", "nll_loss", batch=len(classes))
    target = replace(example.target(classes, classes=3), class_weights=np.array(list(weights)))
    outputs = np.zeros((len(classes), 3))
    return example.fitting(
        graph, example.FALLING, outputs, target, steps=range(times), kind="cross_entropy"
    )


def _binary(positive: float, losses: Sequence[float] = example.FALLING) -> Trace:
    """One target in ten is a positive one, which weighs so much."""
    yes = np.tile([0.0] * 9 + [1.0], 10)
    return example.fitting(
        example.chain("linear/1", "binary_cross_entropy_with_logits", batch=100),
        losses,
        np.zeros((100, 1)),
        example.target(yes),
        kind="binary_cross_entropy",
        details={"pos_weight": positive},
    )


RULE = Rule(
    code="LOS062",
    name="weights-favour-the-frequent",
    title="Class weights that favour the frequent classes",
    why="Weights of classes are there to make up for how rarely some occur. Where they grow "
    "with the number of occurrences, a rare class counts for less than with none, and is given up.",
    sees="""
`weight=counts / counts.sum()` for its inverse, weights in another order than the classes, or a
`pos_weight` of positives over negatives. The accuracy looks good, and the rare classes are never
predicted.
""",
    evidence="""
The weights that the loss was given, and how often each class occurs in the recorded steps. An alarm
if the classes are of clearly different frequency, and the logarithms of both rise together; of two
classes, or two sizes of weights, if their ratio is that of the occurrences or its square root.
""",
    ignore="""
Weights that follow what mistakes cost may be larger for a frequent class, too: those of two classes
are reported only where they meet the formulas, and those of more where all classes follow. A
class of weight 0 is left out. Nothing is said where classes are about as frequent, as after a
sampler that balances them.
""",
    references=("PyTorch, `nn.CrossEntropyLoss`: weight; King & Zeng 2001, Political Analysis 9",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "enough": ENOUGH,
        "apart": APART,
        "uneven": UNEVEN,
        "together": TOGETHER,
        "steep": STEEP,
        "close": CLOSE,
        "errors": ERRORS,
    },
    explains=("one-answer-counts", "constant-output", "stopped-early"),
    cases=(
        Case("weights as the frequencies", lambda: _example([0.88, 0.07, 0.05]), Severity.WARNING),
        Case("their square roots", lambda: _example([9.4, 2.6, 2.2]), Severity.WARNING),
        Case("positives over negatives", lambda: _binary(1 / 9), Severity.WARNING),
        Case("positives over negatives of all data", lambda: _binary(1 / 11), Severity.WARNING),
        Case(
            "of data that the recorded steps resemble less, and the rare ones are given up",
            lambda: _binary(1 / 14, example.FLAT),
            Severity.WARNING,
        ),
        Case("near miss: and something is learned", lambda: _binary(1 / 14), None),
        Case(
            "near miss: nothing is learned, by other weights",
            lambda: _binary(1 / 30, example.FLAT),
            None,
        ),
        Case("near miss: negatives over positives", lambda: _binary(9.0), None),
        Case("near miss: their inverses", lambda: _example([0.38, 4.8, 6.7]), None),
        Case("near miss: what mistakes cost", lambda: _example([2.0, 1.0, 2.0]), None),
        Case("near miss: what a lost letter costs", lambda: _binary(1 / 5), None),
        Case("near miss: two sizes", lambda: _example([2.0, 1.0, 1.0], [60, 20, 20]), None),
        Case("near miss: hardly uneven", lambda: _example([1.2, 1.0, 1.0]), None),
        Case("classes of one frequency", lambda: _example([0.88, 0.07, 0.05], [30, 35, 35]), None),
        Case("few targets", lambda: _example([3.0, 1.0, 1.0], [20, 3, 2], times=1), None),
        Case(
            "readings missing: no loss",
            lambda: example.unread(_example([0.88, 0.07, 0.05])),
            None,
        ),
    ),
)
