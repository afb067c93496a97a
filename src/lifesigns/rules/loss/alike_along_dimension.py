"""LOS038: the output is the same at all places along a dimension in which the targets differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ALONG, PLACES = "alike_along", "alike_places"
"""Details of a loss: the dimension, and how many places lie along it."""
EXACT = Threshold(
    1e-4,
    "largest difference along the dimension over that of all outputs",
    "the rounding of float32",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream: the output is alike in all of the latest recordings."""
    losses = [s.loss for s in stream.latest if s.loss is not None and s.loss.prediction is not None]
    along = {loss.details.get(ALONG, 0.0) for loss in losses}
    if len(along) != 1 or not all(along):
        return
    course = stream.course
    dim, places = int(losses[-1].details[ALONG]), int(losses[-1].details[PLACES])
    yield RULE.finding(
        Severity.WARNING if course.judged and course.gain <= HALF else Severity.NOTE,
        f"the output is the same at all {places} places along dimension {dim}, and the targets "
        "are not",
        step=stream.latest[0].step,
        measured=f"in {counted(len(losses), 'recorded step')} no sample's outputs differ along "
        f"dimension {dim}, while samples differ, and so do the targets along it"
        f"{course.remark}",
        expected="an output for each place, made of something that differs from place to place",
        certainty="exact, but for rounding",
        causes=("wrong_shape", "other"),
        remedies=(_QUERIES, _KEEP),
        evidence={"dimension": dim, "places": places},
    )


_QUERIES = Remedy(
    "Give each place something of its own: what came before it, its position, or a learned query.",
    "queries = nn.Parameter(torch.randn(1, length, width))\n"
    "y = transformer(source, queries.expand(len(source), -1, -1))",
)
_KEEP = Remedy(
    "Look for a mean, a last state or an `expand` that leaves one vector for the whole sequence.",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(dims: Sequence[int], losses: Sequence[float] = example.FLAT) -> Trace:
    """A regression whose output is alike along these dimensions, one for each recorded step."""
    known = example.regression(losses, update=1e-3)
    shots = tuple(
        replace(shot, loss=replace(shot.loss, details={ALONG: float(dim), PLACES: 12.0}))
        if shot.loss and dim
        else shot
        for shot, dim in zip(known.snapshots, dims, strict=True)
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="LOS038",
    name="alike-along-dimension",
    title="One output for all places along a dimension",
    why="Where nothing tells one place of a sequence or image from another, the network computes "
    "the same number for each. The best it can do is the mean of the targets along it.",
    sees="""
A decoder of a transformer that is given zeros in place of its targets, or one start token; one
state or mean vector that is repeated for all steps of a forecast; attention without positions over
equal inputs.
""",
    evidence="""
The output of the network and what the loss compares it with. Along one dimension no sample's
outputs differ, exactly but for rounding, in any of the latest recorded steps; the outputs of
different samples differ, and along that dimension so do the targets. An alarm unless the fit is
good.
""",
    ignore="""
A number that is repeated on purpose has targets that are repeated, too, and is not reported. Where
the targets hardly differ from place to place the fit is good all the same: a note.
""",
    references=(
        "Vaswani et al. 2017, Attention Is All You Need, section 3.5: positional encoding",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"exact": EXACT, "fit": HALF},
    explains=(
        "loss-flat",
        "constant-output",
        "stopped-early",
        "labels-unrelated",
        "zero-gradient",
        "rows-become-alike",
        "detached-parameters",
    ),
    cases=(
        Case("the same at all steps", lambda: _example([1] * 5), Severity.WARNING),
        Case("not at first, but at the end", lambda: _example([0, 1, 1, 1, 1]), Severity.WARNING),
        Case("near miss: at first only", lambda: _example([1, 1, 1, 1, 0]), None),
        Case(
            "near miss: the targets hardly differ",
            lambda: _example([1] * 5, example.FALLING),
            None,
        ),
        Case("readings missing: no outputs", lambda: example.unread(_example([1] * 5)), None),
    ),
)
