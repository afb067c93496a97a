"""LOS032: a loss that takes 1 and -1 is given 1 and 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(2, "recorded steps before 'never' is said", "definition")

_OF_ZERO = {
    "cosine_embedding": "costs nothing",
    "hinge_embedding": "counts as alike and as unlike at once",
    "margin_ranking": "costs the margin, whatever the scores",
    "soft_margin": "costs log 2, whatever the score",
    "hinge": "costs the margin, whatever the score",
}
"""What a target of 0 does in each loss that takes 1 and -1, by its kind."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    readings = [r for r in stream.readings if r.target]
    if len(readings) < STEPS or not all(map(_is_of_signs, readings)):
        return
    targets = stream.targets
    if targets is None or not targets.units or not (targets.count > 0).all():
        return
    if targets.minimum.min() == 0 and targets.maximum.max() == 1:
        yield _finding(stream, readings[-1])


def _is_of_signs(loss: LossReading) -> bool:
    """Whether it takes signs, of which 0 is none.

    Where one side of a cosine is given, a target of 0 may leave a sample out.
    """
    whole = loss.target is not None and loss.target.integer_valued
    return loss.kind in _OF_ZERO and whole and loss.details.get("trained_sides") != 1


def _finding(stream: Stream, last: LossReading) -> Finding:
    targets, course = stream.targets, stream.course
    assert targets is not None
    zeros = 1 - float(targets.active.sum() / targets.count.sum())
    return RULE.finding(
        Severity.NOTE if course.gain > HALF else Severity.ERROR,
        f"targets of 0 and 1, where {last.operation} takes -1 and 1",
        site=stream.last.graph.sites[last.site].name if last.site >= 0 else "",
        step=stream.first.step,
        measured=f"{zeros:.0%} of the targets are 0 and none is -1; a target of 0 "
        f"{_OF_ZERO[last.kind]}{course.remark}",
        expected="-1 for what is unlike or on the other side",
        certainty=f"exact, on the targets of {len(stream.readings)} recorded steps",
        causes=("wrong_labels", "wrong_loss"),
        remedies=(_SIGNS,),
        evidence={"zeros": zeros, "gain": course.gain},
    )


_SIGNS = Remedy("Turn 0 and 1 into -1 and 1.", "target = 2 * target - 1", edit="sign-targets")


# --- cases ----------------------------------------------------------------------------------------
def _example(
    targets: Sequence[float],
    kind: str = "cosine_embedding",
    losses: Sequence[float] = example.FALLING,
    **details: float,
) -> Trace:
    graph = example.chain("linear", "relu", "linear/1", batch=len(targets))
    loss = LossReading(
        1.0,
        kind,
        f"{kind}_loss",
        fit=1.0,
        scale=1.0,
        prediction=example.sums(np.zeros((len(targets), 1))),
        target=example.target(np.reshape(targets, (-1, 1))),
        constant=1.0 if kind == "margin_ranking" else float("nan"),
        details=details,
    )
    shots = (example.snapshot(graph, step=s, loss=loss) for s in (0, 50))
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="LOS032",
    name="targets-not-signed",
    title="Targets of 0 and 1 in a loss that takes -1 and 1",
    why="Losses of margins multiply by the sign of the target, or ask whether it is 1 or -1. A "
    "target of 0 is neither, so half of the question is never asked, and one answer for all suits "
    "the other half.",
    sees="""
Labels 0 and 1, as binary cross-entropy takes them, in a cosine or hinge embedding loss, a margin
ranking loss, a soft margin or a hinge. torch accepts them. Pairs that should be pushed apart cost
nothing or the same always, everything moves to one point or one side, and the loss falls.
""",
    evidence="""
The targets of all recorded steps: some are 0, some are 1, and not a single one is -1.
""",
    ignore="""
A cosine to vectors that are given, where a target of 0 may leave a sample out. As long as the
network gets more than half of the way from a constant prediction to a perfect one, it is a note.
""",
    references=("PyTorch, `torch.nn.CosineEmbeddingLoss`: the target is 1 or -1",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=("stopped-early", "constant-output", "loss-flat", "zero-gradient", "dead-units"),
    cases=(
        Case("pairs of 0 and 1", lambda: _example([0, 1] * 8), Severity.ERROR),
        Case(
            "a soft margin of 0 and 1",
            lambda: _example([0, 1] * 8, "soft_margin", example.FLAT),
            Severity.ERROR,
        ),
        Case("near miss: 1 and -1", lambda: _example([-1, 1] * 8), None),
        Case("near miss: 0 leaves pairs out", lambda: _example([-1, 0, 1] * 8), None),
        Case("a cosine to given vectors", lambda: _example([0, 1] * 8, trained_sides=1), None),
        Case("a ranking that is learned", lambda: _example([0, 1] * 8, "margin_ranking"), None),
        Case("binary labels", lambda: _example([0, 1] * 8, "binary_cross_entropy"), None),
        Case("readings missing: no targets", lambda: example.unread(_example([0, 1] * 8)), None),
    ),
)
