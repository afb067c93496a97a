"""LOS012: of several losses in one sum, one is worse than a constant, or drowned by the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.terms import LATE, Term, terms_of
from lifesigns.evidence.thresholds import CALIBRATED, HALF, NOTHING, SURE_STEPS, WEAK
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SETTLED = Threshold(
    0.8,
    "the end of the loss over where its terms were read last",
    "definition: after a fall by a fifth a term is not where it was read",
)
FAR = Threshold(0.5, "share of its baseline by which a term lies above it", CALIBRATED)
DROWNED = Threshold(
    0.01, "weight of a term over that of another, both of constant predictions", "a definition"
)
LAST = Threshold(0.5, "share of the run after which the terms were read", "the later half")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, about the worst term."""
    terms = terms_of(stream.readings)
    course = stream.course
    if not terms or course.steps < SURE_STEPS or course.opposed:
        return
    worst, largest = min(terms, key=lambda t: t.gain), max(terms, key=lambda t: t.weight)
    if _is_drowned(worst, largest) and stream.last.step > LAST * stream.steps[-1]:
        yield _finding(
            stream,
            terms,
            f"{worst.operation} is hardly learned beside {largest.operation}, "
            f"which weighs {largest.weight / worst.weight:.0f} times as much",
        )
    elif not _has_settled(stream):
        return
    elif -worst.gain > FAR:
        yield _finding(stream, terms, f"{worst.operation} is far above a constant prediction")
    elif len(terms) > 1 and all(term.gain < NOTHING for term in terms):
        yield _finding(stream, terms, "none of the losses in the sum is better than a constant's")


def _is_drowned(term: Term, largest: Term) -> bool:
    """Whether this one is hardly learned, and the largest, which is, still has most of the sum."""
    hardly = term.gain < WEAK and term.weight < DROWNED * largest.weight
    return hardly and largest.gain > WEAK and largest.share > HALF


def _has_settled(stream: Stream) -> bool:
    """Whether the sum ends about where it was when the terms were read for the last times."""
    shots, total = stream.snapshots, stream.losses
    late = [shot.loss.value for shot in shots[-max(1, round(len(shots) * LATE)) :] if shot.loss]
    end = float(total[-max(1, len(total) // 5) :].mean())
    return not late or end >= SETTLED * float(np.median(late))


def _finding(stream: Stream, terms: Sequence[Term], symptom: str) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        symptom,
        step=stream.first.step,
        measured="; ".join(map(str, terms)),
        expected="each data term below its own constant prediction",
        certainty=f"medians of the last third of {len(stream.readings)} recorded steps",
        causes=("wrong_loss", "lr_too_high", "capacity"),
        remedies=(
            Remedy(
                "Bring the terms to one scale: divide each by what a constant prediction reaches.",
                "loss = first / first_constant + second / second_constant",
                edit="weigh-terms",
            ),
            Remedy(
                "Train the term alone, to see whether it can be learned at all.",
                "loss = second",
            ),
        ),
        evidence={"worst": min(term.gain for term in terms)},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    first: float,
    second: float,
    steps: int = 200,
    end: float = 1.0,
    *,
    weight: float = 1.0,
    last: float = 0.5,
) -> Trace:
    """Two squared errors, of targets ±1: a constant prediction has a loss of 1 in both.

    The first counts as much as `weight` says; the last recorded step is at that share of the run.
    """
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    sign = np.tile([[-1.0], [1.0]], (16, 1))

    def reading(level: float, scale: float, *others: LossReading) -> LossReading:
        return LossReading(
            scale * level + sum(other.fit for other in others),
            "squared_error",
            "mse_loss",
            fit=scale * level,
            scale=scale,
            input_shape=(32, 1),
            prediction=example.sums(0.5 * sign),
            target=example.target(sign),
            others=others,
        )

    loss = reading(first, weight, reading(second, 1.0))
    shots = [example.snapshot(graph, step=s, loss=loss) for s in (0, 1, 5, round(steps * last))]
    return example.trace(*shots, losses=np.linspace(1.0, end, steps) * loss.value)


RULE = Rule(
    code="LOS012",
    name="one-loss-unlearned",
    title="A loss of the sum is not learned",
    why="A sum can fall although one of its terms rises: the larger term, or the steeper one, has "
    "all the say, and all of the gradient where that is clipped. Only a comparison of each term "
    "with its own constant prediction shows which task is learned.",
    sees="""
Several tasks trained by one sum: a class and a box, a depth and a label. One of them ends far above
what a constant answer would reach, or none gets below it. Or one is drowned: a box in pixels has a
loss hundreds of times that of its class, and the class is not learned.
""",
    evidence="""
The terms of the sum that compare outputs with targets, each per observation, against the best
constant prediction on its own targets. Drowned is a term whose constant prediction weighs less than
a hundredth of another's, if that one is learned and is more than half of the sum at the end.
""",
    ignore="""
A term that is there to be opposed, or one whose weight is nearly 0.
""",
    references=(
        "Kendall, Gal & Cipolla 2018, Multi-Task Learning Using Uncertainty to Weigh Losses",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "far": FAR,
        "learned": NOTHING,
        "steps": SURE_STEPS,
        "settled": SETTLED,
        "drowned": DROWNED,
        "hardly": WEAK,
        "most": HALF,
        "last": LAST,
    },
    explains=("loss-flat", "dead-units", "constant-output"),
    cases=(
        Case("the second is worse than a constant", lambda: _example(0.1, 2.0), Severity.WARNING),
        Case("none is better", lambda: _example(1.0, 1.0), Severity.WARNING),
        Case(
            "one is at its constant, beside one that weighs 500 times as much",
            lambda: _example(0.1, 1.0, end=0.2, weight=500, last=0.9),
            Severity.WARNING,
        ),
        Case("near miss: one is at its constant", lambda: _example(0.1, 1.0), None),
        Case(
            "near miss: it is, and was last read early",
            lambda: _example(0.1, 1.0, end=0.2, weight=500, last=0.4),
            None,
        ),
        Case(
            "near miss: half of it is learned beside such a one",
            lambda: _example(0.1, 0.5, end=0.2, weight=500, last=0.9),
            None,
        ),
        Case("both are learned", lambda: _example(0.1, 0.2), None),
        Case("near miss: it fell further", lambda: _example(0.1, 2.0, end=0.2), None),
        Case("too short", lambda: _example(0.1, 2.0, steps=60), None),
        Case("readings missing: no terms", lambda: example.unread(_example(0.1, 2.0)), None),
    ),
)
