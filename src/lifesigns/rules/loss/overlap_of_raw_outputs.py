"""LOS060: a loss of overlap is given values that are no probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

OUTSIDE = Threshold(0.01, "size of an output below 0, or of what one has above 1", "rounding")
LEAST, MOST = "overlap_least", "overlap_most"
"""The details of a loss of overlap: the ends of what it is given."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    raw = [s for s in stream.snapshots if s.loss and _is_outside(s.loss)]
    if raw:
        ends = [s.loss.details for s in raw if s.loss]
        least, most = min(d[LEAST] for d in ends), max(d[MOST] for d in ends)
        yield _finding(stream, raw[0].step, least, most, len(raw))


def _is_outside(loss: LossReading) -> bool:
    least, most = loss.details.get(LEAST, 0.0), loss.details.get(MOST, 1.0)
    return least < -OUTSIDE or most > 1 + OUTSIDE


def _finding(stream: Stream, step: int, least: float, most: float, steps: int) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        f"the overlap with a mask is taken of values from {least:.3g} to {most:.3g}",
        step=step,
        measured=f"in {steps} of {len(stream.readings)} recorded steps what is multiplied by the "
        f"mask, and summed, lies outside 0 to 1{stream.course.remark}",
        expected="probabilities: a Dice, IoU or Tversky loss is between 0 and 1 only for them",
        certainty="exact, by the values in the loss",
        causes=("wrong_output_activation", "wrong_loss"),
        remedies=(
            Remedy(
                "Take the overlap of probabilities: a sigmoid for one class, a softmax for more.",
                "loss = dice_loss(torch.sigmoid(logits), mask)",
                edit="give-probabilities",
            ),
        ),
        evidence={"least": least, "most": most, "steps": steps},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(*ends: tuple[float, float], losses: Sequence[float] = example.FALLING) -> Trace:
    """A loss of overlap whose values span this, one recorded step after another."""
    graph = example.chain("conv", "relu", "conv", batch=8)
    shots = (
        example.snapshot(
            graph,
            step=10 * k,
            loss=LossReading(losses[0], operation="rsub", details={LEAST: least, MOST: most}),
        )
        for k, (least, most) in enumerate(ends)
    )
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="LOS060",
    name="overlap-of-raw-outputs",
    title="The overlap of raw outputs with a mask",
    why="Overlap counts each place for as much as it is said to belong to the mask, from 0 to 1. "
    "Raw outputs count for any amount: one large output on the mask makes up for many that are "
    "missed, and negative ones make the sum below the fraction small, so the loss falls while the "
    "shape is not learned.",
    sees="""
A Dice, IoU or Tversky loss written by hand, `1 - 2 * (p * y).sum() / (p.sum() + y.sum())`, that is
given the output of the last layer, where the sigmoid or softmax is left to be applied later. The
loss looks like one between 0 and 1, and falls.
""",
    evidence="""
The graph: a sum over the places of a mask of zeros and ones, divided by a sum of the same values
and of the mask. And the values: some lie below 0 or above 1 in a recorded step.
""",
    ignore="""
Nothing is said where the values are squared below the fraction, as then any output has its lowest
loss at the mask itself, nor where nothing keeps them in the graph.
""",
    references=("Milletari, Navab & Ahmadi 2016, V-Net (3DV): the Dice loss",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"outside": OUTSIDE},
    explains=(
        "loss-flat",
        "loss-oscillates",
        "loss-diverges",
        "exploding-gradient",
        "constant-output",
        "dead-units",
        "stopped-early",
        "zero-gradient",
    ),
    cases=(
        Case("raw outputs", lambda: _example((-0.1, 0.2), (-3, 8)), Severity.WARNING),
        Case("raw outputs, all positive", lambda: _example((0.1, 0.2), (0.1, 8)), Severity.WARNING),
        Case("probabilities", lambda: _example((0.4, 0.6), (0, 1)), None),
        Case("near miss: rounding", lambda: _example((0, 1.004)), None),
        Case("readings missing: no loss", lambda: example.unread(_example((-3, 8))), None),
    ),
)
