"""LOS074: the terms of the loss add up to nothing, and rounding is what is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.course_in_words import length
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

RECORDED = Threshold(2, "recorded steps before 'never' is said", "definition")
ROUNDING = Threshold(
    1e-5,
    "size of the loss, and of each gradient per weight, called rounding",
    "arithmetic: a hundred terms of about 1, each rounded to 1e-7",
)
MIXED = Threshold(
    0.2, "share of the steps with a loss of the rarer sign", "half where rounding alone decides"
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    losses, sizes = stream.losses, _gradients(stream)
    if len(losses) < ENOUGH_STEPS or len(stream.snapshots) < RECORDED or not sizes:
        return
    rarer = min(float(np.mean(losses > 0)), float(np.mean(losses < 0)))
    size = float(np.median(np.abs(losses)))
    if size < ROUNDING and rarer > MIXED and max(sizes) < ROUNDING:
        yield _finding(stream, size, max(sizes))


def _gradients(stream: Stream) -> list[float]:
    """The RMS of each gradient in each recorded step; empty where one was not read."""
    reached = [p for s in stream.snapshots for p in s.parameters if p.trainable and p.reached]
    sizes = [p.gradient_rms for p in reached]
    return sizes if np.isfinite(sizes).all() else []


def _finding(stream: Stream, size: float, gradient: float) -> Finding:
    return RULE.finding(
        Severity.ERROR,
        "the terms of the loss cancel: what is left of it, and of its gradient, is rounding",
        step=stream.first.step,
        measured=f"the loss is {size:.1g} in size in the median of {length(stream.course)}, now "
        f"positive and now negative; no gradient is above {gradient:.1g} per weight in "
        f"{len(stream.snapshots)} recorded steps",
        expected="terms of which something is left when they are added up",
        certainty="measured: rounding errors of terms about 1 are as large",
        causes=("wrong_loss", "other"),
        remedies=(_EACH, _CENTRED),
        evidence={"loss": size, "gradient": gradient},
    )


_EACH = Remedy(
    "Multiply each log-probability with its own advantage, and take the mean of the products: "
    "advantages that were centred add up to 0.",
    "loss = -(log_probabilities * advantages).mean()  # not log_probabilities.mean() * advantages",
)
_CENTRED = Remedy(
    "Look for a sum over what had its mean taken away, or for a term that is there twice, with "
    "both signs.",
    "print([(name, float(term.sum())) for name, term in terms.items()])",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *, gradient: float = 1e-8) -> Trace:
    graph = example.chain("linear", "tanh", "linear/3", "log_softmax", batch=30)
    shot = example.snapshot(
        graph,
        parameters=example.weights(graph, gradient_rms=gradient),
        loss=LossReading(losses[0]),
    )
    return example.trace(*(replace(shot, step=s) for s in (0, 30)), losses=losses)


_NOISE = tuple(float(x) for x in 3e-7 * np.random.default_rng(0).standard_normal(200))

RULE = Rule(
    code="LOS074",
    name="terms-cancel",
    title="The terms of the loss cancel but for rounding",
    why="Where what is added up was centred before, the sum is 0 whatever the network does, and so "
    "is its gradient. What is left is rounding, and optimizers like Adam make steps of the usual "
    "size of it, so that weights move and nothing is learned.",
    sees="""
The mean of the log-probabilities times the sum of normalised returns, where each log-probability
was to be multiplied with its own return; a loss minus its own mean; one term added and taken away
again. The loss is printed as 0.000 or -0.000 from the first step on.
""",
    evidence="""
The loss is below 1e-5 in size in the median step, positive in a fifth of the steps and negative in
another, and in every recorded step each gradient is below 1e-5 per weight.
""",
    ignore="""
The surrogate loss of a policy is near 0 as well when its advantages are normalised, but its
gradient is not. A loss that is small and has one sign is a small loss.
""",
    references=(
        "Sutton & Barto 2018, Reinforcement Learning, section 13.4: REINFORCE with baseline",
        "Schulman et al. 2017, Proximal Policy Optimization Algorithms, section 2.1",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.GRADIENTS, Quantity.LOSS}),
    check=check,
    thresholds={
        "recorded": RECORDED,
        "steps": ENOUGH_STEPS,
        "rounding": ROUNDING,
        "mixed": MIXED,
    },
    explains=(
        "loss-flat",
        "zero-gradient",
        "rate-too-low",
        "loss-oscillates",
        "vanishing-gradient",
        "loss-without-content",
    ),
    cases=(
        Case("returns that add up to 0", lambda: _example(_NOISE), Severity.ERROR),
        Case("a gradient of exactly 0", lambda: _example(_NOISE, gradient=0.0), Severity.ERROR),
        Case(
            "near miss: a surrogate loss, whose gradient is not small",
            lambda: _example(_NOISE, gradient=1e-2),
            None,
        ),
        Case(
            "near miss: a small loss of one sign",
            lambda: _example([abs(x) for x in _NOISE]),
            None,
        ),
        Case("the first steps", lambda: _example(_NOISE[:31]), None),
        Case("readings missing: no gradients", lambda: example.unread(_example(_NOISE)), None),
    ),
)
