"""OPT033: each step repeats the one before it in full: a momentum that forgets nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

KEPT = Threshold(
    0.9995, "share of the first step that the second one repeats", "a memory of 2,000 steps"
)
APART = Threshold(
    0.005, "range of that share over the parameters", "rounding, and a decay of the weights"
)
DOWN = Threshold(0.9999, "cosine of the first step and the negative gradient", "definition")
ALIKE = Threshold(
    0.9,
    "cosine of two gradients from which on it is not told what is kept from a rate that grows",
    "definition",
)
PARAMETERS = Threshold(2, "parameters over which it is alike", "more than an accident")
ELEMENTS = Threshold(
    8, "size of a parameter at least, in elements", "of one alone every step is along the gradient"
)
SAMPLE = Threshold(
    1 << 16, "size of a parameter at most, in elements", "as many of an update are read"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    by_step = {snapshot.step: snapshot for snapshot in stream.snapshots}
    if 0 not in by_step or 1 not in by_step:
        return
    kept = list(_kept(by_step[0], by_step[1]))
    if len(kept) < PARAMETERS or max(kept) - min(kept) > APART or np.median(kept) < KEPT:
        return
    course, share = stream.course, float(np.median(kept))
    grave = Severity.ERROR if course.harmed else Severity.WARNING
    yield RULE.finding(
        grave if course.steps >= ENOUGH_STEPS else Severity.NOTE,
        "the momentum does not fade: each step repeats all those before it in full",
        step=1,
        measured="the first step is along the gradient; the second one repeats "
        f"{share:.4g} of it beside its own gradient, alike in {counted(len(kept), 'parameter')}"
        f"{course.remark}",
        expected="a share well below 1, such as 0.9, of the steps before",
        certainty="exact, from the lengths of both steps and their products with the gradients",
        causes=("lr_too_high", "other"),
        remedies=(_FADE, _TORCH),
        evidence={"kept": share, "parameters": len(kept)},
    )


def _kept(first: Snapshot, second: Snapshot) -> Iterator[float]:
    """How much of the first step each parameter's second one has besides its own gradient.

    With the first step -e g and the second a(-e g) - e h, a is |second + e h| over |first|: known
    from the lengths and from the product of the second step and h.
    """
    before = {p.name: p for p in first.parameters if _is_read(p) and p.descent_cosine > DOWN}
    for p in second.parameters:
        old = before.get(p.name)
        if old is None or not _is_read(p) or _changes_rate(old, p):
            continue
        rate, product = old.update_rms / old.gradient_rms, p.predicted_change / math.prod(p.shape)
        own = rate * p.gradient_rms
        kept = math.sqrt(max(p.update_rms**2 + 2 * rate * product + own**2, 0.0)) / old.update_rms
        alike = -(product + own * p.gradient_rms) / (old.update_rms * p.gradient_rms)
        if abs(alike) < ALIKE * kept:
            yield kept


def _is_read(p: ParameterReading) -> bool:
    known = p.gradient_rms > 0 and p.update_rms > 0 and math.isfinite(p.predicted_change)
    size = math.prod(p.shape)
    return known and ELEMENTS <= size <= SAMPLE and not p.stale_gradient_rms > 0


def _changes_rate(old: ParameterReading, new: ParameterReading) -> bool:
    return math.isfinite(old.learning_rate) and new.learning_rate != old.learning_rate


_FADE = Remedy(
    "Multiply the velocity by the momentum, and add the gradient to that.",
    "velocity.mul_(momentum).add_(p.grad)",
)
_TORCH = Remedy(
    "Or take the one of PyTorch.",
    "optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    kept: float,
    losses: Sequence[float] = FLAT,
    *,
    cosine: float = 0.3,
    along: float = 1.0,
    rate: float = 0.01,
) -> Trace:
    """Two steps, of which the second repeats so much of the first.

    Args:
        kept: The momentum.
        losses: Of every step.
        cosine: Of the two gradients.
        along: Of the first step and its gradient.
        rate: What the optimizer has at the second step; 0.01 at the first.
    """
    size, known = 0.1, example.regression(losses, update=1e-3)

    def read(p: ParameterReading, step: int) -> ParameterReading:
        length = math.sqrt(kept**2 + 1 + 2 * kept * cosine) if step else 1.0
        product = kept * cosine + 1 if step else along
        return replace(
            p,
            shape=(4, 8),
            learning_rate=rate if step else 0.01,
            gradient_rms=size,
            update_rms=0.01 * size * length,
            predicted_change=-32 * 0.01 * size**2 * product,
        )

    shots = (
        replace(shot, parameters=tuple(read(p, shot.step) for p in shot.parameters))
        for shot in known.snapshots
    )
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="OPT033",
    name="momentum-never-fades",
    title="A momentum that forgets nothing",
    why="A velocity is a sum of gradients of which the older ones count less and less. If none of "
    "them fades, each step is as long as all gradients together: the weights run past every "
    "minimum, and nothing slows them down.",
    sees="""
An optimizer written by hand that adds to its velocity and never multiplies it, or multiplies the
gradient instead: `v.add_(momentum * grad)`. It learns well for an epoch; then the loss rises and
stays above that of a guess.
""",
    evidence="""
The first two steps, if both were recorded. The first is along the gradient; what the second one has
besides its own gradient, at the same rate, is as long as the first. That follows from the lengths
of both steps and from their products with the gradients: 0.9 comes out of a momentum of 0.9, in
each parameter. A warning also where it still learns, an error where nothing is learned.
""",
    ignore="""
It is not told where the learning rate changes between the two steps, where gradients are clipped,
where both gradients point the same way, or for steps that are no sum of gradients, as Adam's. What
moves without friction on purpose starts with a velocity of its own.
""",
    references=(
        "Sutskever et al. 2013, On the importance of initialization and momentum in deep learning",
        "PyTorch, `torch.optim.SGD`: momentum, dampening",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS, Quantity.UPDATES}),
    check=check,
    thresholds={
        "kept": KEPT,
        "apart": APART,
        "down": DOWN,
        "alike": ALIKE,
        "parameters": PARAMETERS,
        "elements": ELEMENTS,
        "sample": SAMPLE,
        "enough_steps": ENOUGH_STEPS,
    },
    explains=(
        *("loss-flat", "loss-diverges", "loss-oscillates", "rate-too-high", "wrong-direction"),
        *("dead-units", "saturated-units", "constant-output", "labels-unrelated"),
        *("exploding-gradient", "stopped-early", "zero-gradient"),
    ),
    cases=(
        Case("all of it, and nothing is learned", lambda: _example(1), Severity.ERROR),
        Case(
            "a tenth more each time, and it learns",
            lambda: _example(1.1, FALLING),
            Severity.WARNING,
        ),
        Case("near miss: a momentum of 0.99", lambda: _example(0.99), None),
        Case("near miss: no momentum", lambda: _example(0), None),
        Case("near miss: the rate grows", lambda: _example(1, rate=0.02), None),
        Case("near miss: both gradients alike", lambda: _example(1, cosine=0.95), None),
        Case("near miss: steps of Adam", lambda: _example(1, along=0.7), None),
        Case("near miss: a preview of few steps", lambda: _example(1, FLAT[:20]), None),
        Case("readings missing", lambda: example.unread(_example(1)), None),
    ),
)
