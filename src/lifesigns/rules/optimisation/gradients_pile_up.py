"""OPT006: the gradient of a step still holds that of earlier steps: `zero_grad` is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.thresholds import WEAK
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PARAMETERS = Threshold(0.5, "share of the parameters with a stale gradient", "exact test")
STEPS = Threshold(0.5, "share of the recorded steps on which they had", "exact test")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    later = [s for s in stream.snapshots if s.step > 0 and _known(s)]
    piled = [s for s in later if _stale_share(s) > PARAMETERS]
    if piled and len(piled) > STEPS * len(later):
        yield _finding(stream, piled, stream.course)


def _known(snapshot: Snapshot) -> list[ParameterReading]:
    """Parameters with a gradient of which it is known what it held before."""
    known = [p for p in snapshot.parameters if np.isfinite(p.stale_gradient_rms)]
    return [p for p in known if p.stale_gradient_rms or p.gradient_rms]


def _stale_share(snapshot: Snapshot) -> float:
    known = _known(snapshot)
    return sum(p.stale_gradient_rms > 0 for p in known) / len(known) if known else 0.0


def _finding(stream: Stream, piled: Sequence[Snapshot], course: Course) -> Finding:
    last = piled[-1]
    worst = max(_known(last), key=_weight_of_the_past)
    return RULE.finding(
        course.harm(WEAK, alarms=True),
        "gradients pile up: each step still holds those of the steps before it",
        site=worst.name,
        step=piled[0].step,
        measured=f"at step {last.step} {_stale_share(last):.0%} of the parameters went into the "
        f"step with a gradient left from earlier ones, in {worst.name} "
        f"{_weight_of_the_past(worst):.2g} times what this step added; {course}",
        expected="gradients of 0 (or None) before the first backward pass of each step",
        certainty=f"exact, on {len(piled)} recorded steps",
        causes=("other", "lr_too_high"),
        remedies=(
            Remedy(
                "Clear the gradients before each backward pass.",
                "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
                edit="zero-grad",
            ),
            Remedy(
                "To accumulate on purpose, step only after the last part, then clear.",
                "if (i + 1) % parts == 0:\n    optimizer.step()\n    optimizer.zero_grad()",
            ),
        ),
        evidence={"stale_share": _stale_share(last), "ratio": _weight_of_the_past(worst)},
    )


def _weight_of_the_past(reading: ParameterReading) -> float:
    """Size of what was there over size of what the step brought."""
    fresh = max(reading.gradient_rms, 1e-30)
    return reading.stale_gradient_rms / fresh if np.isfinite(reading.gradient_rms) else 0.0


# --- cases ----------------------------------------------------------------------------------------
def _example(
    stale: Sequence[float],
    *,
    losses: Sequence[float] = (1.0, 0.9, 0.8, 0.9) * 20,
    of: int = 2,
    other: float = 0.2,
) -> Trace:
    """Recorded steps with these stale gradients in the first `of` of two layers."""
    graph = example.chain("linear", "relu", "linear/1", "mse_loss")
    shots = []
    for step, size in enumerate(stale):
        shared = {"weight_rms": 0.1, "gradient_rms": 0.2, "update_rms": 1e-3}
        first = example.weights(graph, stale_gradient_rms=size, **shared)
        clean = example.weights(graph, stale_gradient_rms=0.0, **{**shared, "gradient_rms": other})
        shots.append(example.snapshot(graph, step=step, parameters=first[:of] + clean[of:]))
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="OPT006",
    name="gradients-pile-up",
    title="Gradients of earlier steps are still there: zero_grad is missing",
    why="backward adds to the gradients that are there, so without zero_grad every step follows "
    "the sum of all gradients so far. The steps grow, point backwards in time, and overshoot.",
    sees="""
Parameters that go into an optimizer's step with a gradient that was there before the first
backward pass of that step. Adam hides most of it, because it divides by the size of the gradient;
plain descent swings and diverges.
""",
    evidence="""
On recorded steps the gradient just before the optimizer's step is compared, element by element on
a sample, with what the backward passes of this step added. What was left must come from before.
A parameter without any gradient says nothing: what piled up may have killed its layer.
""",
    ignore="""
Accumulation over micro-batches is one step with several backward passes and is not meant; neither
are the gradients a GAN's generator leaves in its discriminator if they are cleared before use.
Where something else changed the gradient in between, nothing is said.
""",
    references=(
        "torch documentation, Optimizer.zero_grad",
        "A. Karpathy 2018: most common neural net mistakes, number 3",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.STALE, Quantity.LOSS}),
    check=check,
    thresholds={"parameters": PARAMETERS, "steps": STEPS, "weak": WEAK},
    explains=(
        "loss-diverges",
        "loss-flat",
        "exploding-gradient",
        "non-finite-origin",
        "dead-units",
        "saturated-units",
        "labels-unrelated",
        "rate-too-high",
        "loss-oscillates",
    ),
    cases=(
        Case("from the second step on", lambda: _example([0, 0.2, 0.5, 0.7]), Severity.WARNING),
        Case("in every recorded step", lambda: _example([0.3, 0.3, 0.3]), Severity.WARNING),
        Case("a layer is dead", lambda: _example([0, 0.2, 0.2], of=1, other=0), Severity.WARNING),
        Case("near miss: once, then cleared", lambda: _example([0, 0.2, 0, 0]), None),
        Case("near miss: a few parameters", lambda: _example([0, 0.2, 0.2], of=1), None),
        Case("cleared", lambda: _example([0, 0, 0]), None),
        Case("readings missing: NaN", lambda: _example([float("nan")] * 3), None),
    ),
)
