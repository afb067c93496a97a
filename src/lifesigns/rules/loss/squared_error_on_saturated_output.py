"""LOS006: squared error on an output unit that is confidently wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream
from lifesigns.evidence.output import output_activation
from lifesigns.evidence.shares import bounds_of, within
from lifesigns.evidence.sites import merged, sample_count
from lifesigns.evidence.thresholds import SATURATED
from lifesigns.records import (
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

CURED_BY_CROSS_ENTROPY = frozenset({"sigmoid", "hardsigmoid"})
"""Output activations whose slope cancels in the gradient of the binary cross-entropy."""


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, if the output is saturated and the loss is stuck."""
    recent = stream.latest
    index = _output(recent[-1])
    if index is None:
        return
    site = recent[-1].graph.sites[index]
    value = merged(recent, site.name)
    course, share = stream.course, _share(value)
    stuck = course.stalled or (course.worse_than_constant and not course.diverged)
    if stuck and share > SATURATED:
        first = stream.since(lambda shot: _share(merged((shot,), site.name)) > SATURATED)
        yield _finding(site.name, first, share, recent, str(course))


def _output(snapshot: Snapshot) -> int | None:
    """The output's sigmoid, if squared error is what it is trained with."""
    loss = snapshot.loss
    if loss is None or loss.kind != "squared_error":
        return None
    index = output_activation(snapshot.graph, loss)
    if index is None or snapshot.graph.sites[index].operation not in CURED_BY_CROSS_ENTROPY:
        return None
    return index


def _share(value: UnitSums | None) -> float:
    """Share of all outputs that sit where the slope is below 1 % of its maximum."""
    if value is None or not value.count.any():
        return 0.0
    return float(value.saturated.sum() / value.count.sum())


def _finding(
    site: str, first: int, share: float, recent: tuple[Snapshot, ...], course: str
) -> Finding:
    factors = [r.derivative_factor for s in recent if (r := s.reading_of(site))]
    factor = float(np.nanmedian(factors)) if np.isfinite(factors).any() else float("nan")
    among_all = bounds_of(share, number := sample_count(recent, site))
    times = 1 / (2 * factor) if factor > 0 else float("inf")
    return RULE.finding(
        Severity.WARNING,
        f"{share:.0%} of the recorded outputs at {site} are saturated, and squared error cannot "
        "move them",
        site=site,
        step=first,
        measured=f"the sigmoid passes on {factor:.2g} of the loss's gradient; cross-entropy would "
        f"pass on {times:.0f} times as much on the same batches; {course}",
        expected=f"fewer than {SATURATED:.0%} of the outputs saturated while wrong",
        certainty=f"measured on {number} samples from {len(recent)} recorded steps; of all such "
        f"outputs: {within(among_all)}",
        causes=("wrong_loss", "saturated", "bad_init"),
        remedies=(
            Remedy(
                "Use cross-entropy: its gradient is the error itself, the slope cancels.",
                "loss = F.binary_cross_entropy_with_logits(logits, target)",
                edit="swap-loss",
            ),
            Remedy("Or start with smaller output weights, so that no output begins confident."),
        ),
        evidence={
            "saturated_share": share,
            "derivative_factor": factor,
            "observations": number,
            "recorded_steps": len(recent),
        },
        intervals={"saturated_share": among_all},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *, stuck: int = 9, kind: str = "squared_error") -> Trace:
    graph = example.chain("linear", "tanh", "linear", "sigmoid", "mse_loss", units=10, batch=32)
    saturated = np.tile(np.arange(10) < stuck, (32, 1))
    output = example.sums(np.where(saturated, 1.0, 0.5), saturated=saturated)
    arrived, passed = example.sums(np.full((32, 10), 0.1)), example.sums(np.full((32, 10), 1e-4))
    reading = SiteReading(3, output, arrived, passed)
    targets = example.target(np.tile([[0.0], [1.0]], (16, 10)))
    loss = LossReading(1.0, kind, "mse_loss", fit=1.0, scale=1.0, site=4, target=targets)
    return example.steady(graph, losses, sites=[reading], loss=loss)


RULE = Rule(
    code="LOS006",
    name="squared-error-on-saturated-output",
    title="Squared error on outputs that are confidently wrong",
    why="With squared error the step of an output unit carries the slope of its sigmoid, which is "
    "almost zero where the unit is confident, right or wrong. Cross-entropy cancels that slope, so "
    "the more wrong the unit is, the faster it learns.",
    sees="""
For a sigmoid output a = σ(z) and squared error, the gradient with respect to z is (a - y)·σ′(z);
for cross-entropy it is a - y. A unit that starts confident and wrong sits where σ′ is nearly 0:
under squared error it takes hundreds of epochs before anything happens.
""",
    evidence="""
The loss is recognised as squared error, a sigmoid shapes the output, and over the last quarter of
the recorded steps more than half of the outputs had a slope below 1 % of its maximum, while the
loss is stalled or above that of a constant prediction. The factor quoted is measured: the
gradient before the sigmoid over the gradient after it.
""",
    ignore="""
Outputs that are confident and right are the goal: as long as the loss falls the rule is silent.
With a linear output, squared error keeps its value.
""",
    references=("Nielsen 2015, Neural Networks and Deep Learning, chapter 3: cross-entropy",),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.GRADIENTS, Quantity.LOSS}),
    check=check,
    thresholds={"saturated": SATURATED},
    explains=("vanishing-gradient", "loss-flat", "saturated-units"),
    cases=(
        Case("nine outputs in ten saturated, loss flat", lambda: _example(FLAT), Severity.WARNING),
        Case("near miss: saturated and right: the loss falls", lambda: _example(FALLING), None),
        Case("few outputs saturated", lambda: _example(FLAT, stuck=2), None),
        Case("cross-entropy", lambda: _example(FLAT, kind="binary_cross_entropy"), None),
        Case("six outputs in ten saturated", lambda: _example(FLAT, stuck=6), Severity.WARNING),
        Case("readings missing: no outputs", lambda: example.unread(_example(FLAT)), None),
    ),
)
