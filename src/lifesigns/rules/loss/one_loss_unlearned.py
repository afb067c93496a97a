"""LOS012: of several losses in one sum, one is worse than a constant, or none is better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.terms import LATE, Term, terms_of
from lifesigns.evidence.thresholds import CALIBRATED, NOTHING, SURE_STEPS
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SETTLED = Threshold(
    0.8,
    "the end of the loss over where its terms were read last",
    "definition: after a fall by a fifth a term is not where it was read",
)
FAR = Threshold(0.5, "share of its baseline by which a term lies above it", CALIBRATED)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, about the worst term."""
    terms = terms_of(stream.readings)
    course = stream.course
    if not terms or course.steps < SURE_STEPS or course.opposed or not _has_settled(stream):
        return
    worst = min(terms, key=lambda term: term.gain)
    if -worst.gain > FAR:
        yield _finding(stream, terms, f"{worst.operation} is far above a constant prediction")
    elif len(terms) > 1 and all(term.gain < NOTHING for term in terms):
        yield _finding(stream, terms, "none of the losses in the sum is better than a constant's")


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
def _example(first: float, second: float, steps: int = 200, end: float = 1.0) -> Trace:
    """Two squared errors, of targets ±1: a constant prediction has a loss of 1 in both."""
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    sign = np.tile([[-1.0], [1.0]], (16, 1))

    def reading(fit: float, *others: LossReading) -> LossReading:
        return LossReading(
            fit + sum(other.fit for other in others),
            "squared_error",
            "mse_loss",
            fit=fit,
            scale=1.0,
            input_shape=(32, 1),
            prediction=example.sums(0.5 * sign),
            target=example.target(sign),
            others=others,
        )

    loss = reading(first, reading(second))
    shots = [example.snapshot(graph, step=s, loss=loss) for s in (0, 1, 50, steps // 2)]
    return example.trace(*shots, losses=np.linspace(1.0, end, steps) * (first + second))


RULE = Rule(
    code="LOS012",
    name="one-loss-unlearned",
    title="A loss of the sum is not learned",
    why="A sum can fall although one of its terms rises: the larger term, or the steeper one, has "
    "all the say. Only a comparison of each term with its own constant prediction shows which "
    "task is learned.",
    sees="""
Several tasks trained by one sum: a class and a box, a depth and a label. One of them ends far above
what a constant answer would reach, or none gets below it.
""",
    evidence="""
The terms of the sum that compare outputs with targets, each per observation, against the best
constant prediction on its own targets.
""",
    ignore="""
A term that is there to be opposed, or one whose weight is nearly 0.
""",
    references=(
        "Kendall, Gal & Cipolla 2018, Multi-Task Learning Using Uncertainty to Weigh Losses",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"far": FAR, "learned": NOTHING, "steps": SURE_STEPS, "settled": SETTLED},
    cases=(
        Case("the second is worse than a constant", lambda: _example(0.1, 2.0), Severity.WARNING),
        Case("none is better", lambda: _example(1.0, 1.0), Severity.WARNING),
        Case("near miss: one is at its constant", lambda: _example(0.1, 1.0), None),
        Case("both are learned", lambda: _example(0.1, 0.2), None),
        Case("near miss: it fell further", lambda: _example(0.1, 2.0, end=0.2), None),
        Case("too short", lambda: _example(0.1, 2.0, steps=60), None),
        Case("readings missing: no terms", lambda: example.unread(_example(0.1, 2.0)), None),
    ),
)
