"""LOS078: a term of the loss is turned round: what is to be large is made small."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.pairs import PAIRED
from lifesigns.evidence.stream import Marked
from lifesigns.evidence.thresholds import ENOUGH_STEPS, WEAK
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MINIMISED = "overlap_minimised"
"""The detail of a loss one of whose terms is an overlap: how many terms there are."""
UP = "scores_up"
"""The detail of a loss all of whose terms push scores up: how many terms there are."""
ERRORS = Threshold(
    2.5, "standard errors by which pairs that belong together lie apart", "normal: p < 0.7 %"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    small, up = stream.marked(MINIMISED), stream.marked(UP)
    if small:
        yield _of_overlap(stream, small)
    elif up and stream.is_alone:  # several networks in turn may each push the other's scores
        yield _of_scores(stream, up)
    else:
        yield from _of_pairs(stream)


def _of_overlap(stream: Stream, known: Sequence[Marked]) -> Finding:
    alone, steps = stream.readings[-1].details.get(MINIMISED) == 1, len(known)
    return RULE.finding(
        Severity.ERROR if alone else stream.course.harm(alarms=True),
        "the overlap with the mask is made small: the loss adds a Dice or an IoU itself",
        step=known[0].step,
        measured=f"in {steps} of {len(stream.readings)} recorded steps the factor before the "
        f"overlap is positive{stream.course.remark}",
        expected="1 minus the overlap, which falls as the prediction covers the mask",
        certainty="exact: read from the graph",
        causes=("wrong_loss", "other"),
        remedies=(Remedy("Return 1 minus the overlap.", "return 1 - dice.mean()"),),
        evidence={"steps": steps},
    )


def _of_scores(stream: Stream, known: Sequence[Marked]) -> Finding:
    terms = int(known[-1].details[UP])
    return RULE.finding(
        Severity.ERROR,
        "all scores are pushed up: no term of the loss has a minus before its scores",
        step=known[0].step,
        measured=f"the loss is made of {terms} log-sigmoids, in {len(known)} of "
        f"{len(stream.readings)} recorded steps each of them falls only as its scores rise"
        f"{stream.course.remark}",
        expected="a minus before the scores of what does not belong together",
        certainty="exact: read from the graph",
        causes=("wrong_loss", "other"),
        remedies=(
            Remedy(
                "Turn the scores of the negative samples round.",
                "loss = -(F.logsigmoid(positive) + F.logsigmoid(-negative).sum(1)).mean()",
            ),
        ),
        evidence={"terms": terms, "steps": len(known)},
    )


def _of_pairs(stream: Stream) -> Iterable[Finding]:
    """Before much is learned, an embedding is near where its inputs are alike."""
    course, early = stream.course, _early(stream)
    pairs = sum(loss.input_shape[0] for loss in early)
    nearness = float(np.mean([loss.correlation for loss in early])) if early else math.nan
    severity = course.harm()
    turned = nearness < -ERRORS / math.sqrt(max(pairs, 1))
    if not turned or not course.gain < WEAK or severity is Severity.NOTE:
        return
    yield RULE.finding(
        severity,
        "the labels of the pairs are turned round: pairs that look alike are driven apart",
        step=stream.first.step,
        measured=f"in the first {len(early)} recorded steps, of {pairs} pairs, nearness and being "
        f"drawn together correlate at {nearness:.2f}{course.remark}",
        expected="pairs drawn together that are nearer than others before anything is learned",
        certainty=f"{-nearness * math.sqrt(pairs):.1f} standard errors; that the labels are to "
        "blame is likely",
        causes=("wrong_labels", "wrong_loss"),
        remedies=(
            Remedy(
                "Look which label the loss takes for a pair that belongs together, 0 in one form "
                "and 1 in another, and turn the labels or the two terms.",
                "loss = criterion(a, b, 1 - label)",
            ),
        ),
        evidence={"nearness": nearness, "pairs": pairs, "gain": course.gain},
    )


def _early(stream: Stream) -> Sequence[LossReading]:
    """Of the earlier half of the recorded steps those before anything can be learned."""
    known = stream.snapshots[: (len(stream.snapshots) + 1) // 2]
    readings = (s.loss for s in known if s.loss and s.step < ENOUGH_STEPS)
    return [
        loss
        for loss in readings
        if loss.kind in PAIRED and math.isfinite(loss.correlation) and loss.input_shape
    ]


# --- cases ----------------------------------------------------------------------------------------
FLAT = list(1 + 0.03 * np.random.default_rng(0).standard_normal(400))


def _pairs(nearness: float = -0.4, losses: Sequence[float] = FLAT, kind: str = "contrast") -> Trace:
    """The distances of 32 pairs, of which the best constant has a loss of 1."""
    sign = np.tile([[0.0], [1.0]], (16, 1))
    return example.fitting(
        example.chain("linear", "relu", "linear", batch=32),
        losses,
        -sign,
        example.target(sign),
        steps=(0, 1, 4, 32, 64, 128),
        kind=kind,
        operation=kind,
        constant=1.0,
        correlation=nearness,
    )


def _overlap(
    terms: float = 1.0,
    losses: Sequence[float] = example.FALLING,
    kind: str = "other",
    word: str = MINIMISED,
) -> Trace:
    """A loss that falls, and is an overlap or is added to a squared error of targets ±1."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    details = {word: terms} if terms else {"overlap_least": 0.0, "overlap_most": 1.0}
    return example.fitting(
        example.chain("conv", "relu", "conv", batch=32),
        losses,
        sign,
        example.target(sign),
        kind=kind,
        scale=1.0 if kind != "other" else math.nan,
        details=details,
    )


def _in_turn() -> Trace:
    """The generator of two discriminators that are trained in turn."""
    known = _overlap(2.0, word=UP)
    shots = (replace(shot, stream=k % 2) for k, shot in enumerate(known.snapshots))
    curve = replace(known.losses, streams=np.arange(len(known.losses.streams)) % 2)
    return replace(known, snapshots=tuple(shots), losses=curve)


RULE = Rule(
    code="LOS078",
    name="term-turned-round",
    title="A term of the loss is turned round",
    why="Training makes the loss small, whatever it says. Where it says the opposite of what is "
    "wanted, the network learns just that, and the loss falls as if all were well.",
    sees="""
A function that returns the Dice coefficient or the IoU where 1 minus it is meant, so that masks are
avoided. Or a contrastive loss that takes 1 for a pair that differs while the data set gives 1 to a
pair that is the same: what looks alike is driven apart, what differs is drawn together. Or negative
sampling without its minus, `logsigmoid(negative)`: one large score for everything is the best.
""",
    evidence="""
The factor before an overlap in the graph of the loss is positive, and its mask is the one that is
added below the fraction: that outputs lie outside a mask may well be made small. A warning where a
data term beside it learns. Or the loss consists of several log-sigmoids and nothing else, and no
sign is turned on the way to any of their scores.

Of pairs, the correlation of nearness and of being drawn together in the first forty steps: networks
that have learned nothing keep inputs near that are alike. It is negative beyond chance, and
the fit stays weak.
""",
    ignore="""
Where masks are there to be avoided; where several frozen critics are to be pleased. Where pairs
belong together because they differ, as a key and a lock do, and the run is still short: if such
pairs are learned, nothing is said.
""",
    references=(
        "Milletari et al. 2016, V-Net: the Dice coefficient is maximised",
        "Mikolov et al. 2013, Distributed Representations of Words and Phrases: negative sampling",
        "Hadsell, Chopra & LeCun 2006, Dimensionality Reduction by Learning an Invariant Mapping: "
        "0 is a pair that is alike",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"errors": ERRORS, "steps": ENOUGH_STEPS, "gain": WEAK},
    explains=(
        "loss-flat",
        "labels-unrelated",
        "learned-by-heart",
        "constant-output",
        "dead-units",
        "embeddings-collapse",
        "loss-diverges",
        "rate-too-low",
        "stopped-early",
        "zero-gradient",
    ),
    cases=(
        Case("an overlap is made small", _overlap, Severity.ERROR),
        Case(
            "beside a term that learns nothing",
            lambda: _overlap(2.0, FLAT, kind="squared_error"),
            Severity.ERROR,
        ),
        Case(
            "beside a term that learns",
            lambda: _overlap(2.0, kind="squared_error"),
            Severity.WARNING,
        ),
        Case("near miss: 1 minus the overlap", lambda: _overlap(0.0), None),
        Case("all scores are pushed up", lambda: _overlap(2.0, word=UP), Severity.ERROR),
        Case("near miss: another loss in turn", _in_turn, None),
        Case("pairs that are alike are driven apart", _pairs, Severity.ERROR),
        Case(
            "pairs, by a loss of torch",
            lambda: _pairs(kind="cosine_embedding"),
            Severity.ERROR,
        ),
        Case("after few steps", lambda: _pairs(losses=FLAT[:60]), Severity.WARNING),
        Case("near miss: by chance", lambda: _pairs(nearness=-0.1), None),
        Case("near miss: the right way round", lambda: _pairs(nearness=0.4), None),
        Case(
            "near miss: pairs that differ belong together, and are learned",
            lambda: _pairs(losses=list(np.geomspace(1, 0.1, 400))),
            None,
        ),
        Case("near miss: no pairs", lambda: _pairs(kind="squared_error"), None),
        Case("readings missing: no loss", lambda: example.unread(_pairs()), None),
    ),
)
