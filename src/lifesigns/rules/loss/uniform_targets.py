"""LOS068: every target gives all classes the same share, and tells none from another."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

OF_SHARES = frozenset({"cross_entropy", "kl_divergence"})
SPREAD = Threshold(
    0.1,
    "largest less smallest share of a class, times the number of classes",
    "a definition: next to nothing; 9 for one class of ten",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    spreads = [_spread(loss) for loss in stream.readings]
    if not stream.is_alone or not spreads or not all(spread < SPREAD for spread in spreads):
        return
    spread, last = max(spreads), stream.readings[-1]
    classes = _classes(last)
    yield RULE.finding(
        Severity.ERROR,
        "each target gives all classes the same share",
        step=stream.first.step,
        measured=f"the shares of {classes} classes differ by {spread / classes:.2g} at most, "
        f"around {1 / classes:.2g}{stream.course.remark}",
        expected="targets that give most to the class of the sample",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_labels", "wrong_loss"),
        remedies=(_LESS,),
        evidence={"classes": classes, "spread": spread},
    )


def _spread(loss: LossReading) -> float:
    """By how much the shares differ, over what each has of all; NaN for targets of other kinds."""
    target = loss.target
    if target is None or loss.kind not in OF_SHARES or loss.others or loss.penalised:
        return nan
    if target.is_index:
        smoothing = loss.details.get("smoothing", nan)
        return (1 - smoothing) * _classes(loss)
    sums, classes = target.sums, target.sums.units
    least, most = float(np.min(sums.minimum)), float(np.max(sums.maximum))
    of_shares = least > 0 and abs(float(sums.mean.sum()) - 1) < SPREAD
    return (most - least) * classes if of_shares and classes > 1 else nan


def _classes(loss: LossReading) -> int:
    counts = None if loss.target is None else loss.target.class_counts
    if counts is not None:
        return len(counts)
    return 0 if loss.target is None else loss.target.sums.units


_LESS = Remedy(
    "Smooth labels by a tenth, so that their own class keeps most.",
    "criterion = nn.CrossEntropyLoss(label_smoothing=0.1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(own: float, *, classes: int = 10, penalised: bool = False) -> Trace:
    """Targets that give so much to the class of each sample, and the rest to the others alike."""
    shares = np.full((40, classes), (1 - own) / (classes - 1))
    shares[np.arange(40), np.arange(40) % classes] = own
    return example.fitting(
        example.chain(f"linear/{classes}", "log_softmax", batch=40),
        example.FLAT,
        np.full((40, classes), -np.log(classes)),
        example.target(shares),
        kind="cross_entropy",
        penalised=penalised,
    )


def _smoothed(smoothing: float) -> Trace:
    """Class numbers, smoothed by the loss."""
    numbers = np.arange(40) % 10
    return example.fitting(
        example.chain("linear/10", "log_softmax", "nll_loss", batch=40),
        example.FLAT,
        np.full((40, 10), -np.log(10)),
        example.target(numbers, classes=10),
        kind="cross_entropy",
        details={"smoothing": smoothing},
    )


RULE = Rule(
    code="LOS068",
    name="uniform-targets",
    title="Targets that give every class the same share",
    why="A cross-entropy is lowest where the output is the target. Where all targets give every "
    "class the same share, the best output is the same for each input, and there is nothing to "
    "learn.",
    sees="""
Labels smoothed by what was meant for confidence, such as 0.9 of ten classes; shares made of a
constant, or of scores divided by a temperature that is far too high. The loss stays at the
logarithm of the number of classes.
""",
    evidence="""
The targets of a cross-entropy or of a divergence in the recorded steps: the smallest and the
largest share that any class has of any sample, or the smoothing that the loss was given. An alarm
if they are all but the same.
""",
    ignore="""
A term of several may ask for the same share of all classes on purpose, as for samples of no class
or of another domain; so may one of several losses in turn. Both are left alone.
""",
    references=("Szegedy et al. 2016, Rethinking the Inception architecture, section 7",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"spread": SPREAD},
    explains=(
        "loss-flat",
        "constant-output",
        "labels-unrelated",
        "stopped-early",
        "vanishing-gradient",
        "rate-too-low",
        "one-answer-counts",
    ),
    cases=(
        Case("0.9 for nine others of ten", lambda: _example(0.1), Severity.ERROR),
        Case("all but the same", lambda: _example(0.105), Severity.ERROR),
        Case("smoothed to the last", lambda: _smoothed(1.0), Severity.ERROR),
        Case("near miss: smoothed by a tenth", lambda: _example(0.9), None),
        Case("near miss: hardly more for the own class", lambda: _example(0.15), None),
        Case("near miss: class numbers, smoothed by 0.9", lambda: _smoothed(0.9), None),
        Case("one term of several", lambda: _example(0.1, penalised=True), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.1)), None),
    ),
)
