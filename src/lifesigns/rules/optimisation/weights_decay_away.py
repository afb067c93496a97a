"""OPT030: updates that point along the weights: weight decay shrinks them to nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.decay import ALONG, GONE, LEFT, Shrinkage, shrinkage
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF, NOTHING
from lifesigns.records import Finding, LatestSizes, Quantity, RateCurve, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

MOST = Threshold(0.8, "share of all weights that shrank so", "nearly all: biases may stay")
LARGER = Threshold(0.5, "share of all weights that are gone", "arithmetic: the larger part")
EACH = Threshold(
    0.01,
    "share that weight decay takes off each weight in a step, the rate times the decay",
    "arithmetic: nothing is kept for a hundred steps; usual are 1e-6 to 1e-4",
)
USUAL = Threshold(0.1, "rate up to which it is the decay that is too large", "rates in use")
PENALTY = Threshold(1e-6, "share of a loss that is more than rounding", "float32: 1.2e-7 each")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the weight that shrank most."""
    if not _may_decay(stream):
        return
    known = list(shrinkage(stream))
    decaying = [w for w in known if w.decays]
    most, harm = _share(decaying, known) > MOST, stream.course.harm(NOTHING)
    are_gone = _share([w for w in known if w.is_gone], known) > LARGER
    if harm is Severity.NOTE and are_gone and stream.course.gain <= HALF:
        harm = Severity.WARNING  # a fit at the beginning of the run may look like one
    if (most or are_gone) and harm is not Severity.NOTE:
        yield _finding(stream, harm, decaying)
    elif _each_step(stream.trace) > EACH and stream.course.steps >= ENOUGH_STEPS:
        yield from _worn(stream)


def _each_step(trace: Trace) -> float:
    """The share that is taken off each weight in a step; 0 if not known, or by the rate's fault."""
    rates = trace.rates.values
    rate = float(np.nanmax(rates)) if len(rates) else math.nan
    share = rate * trace.weight_decay
    return share if math.isfinite(share) and rate <= USUAL else 0.0


def _worn(stream: Stream) -> Iterator[Finding]:
    """Where half of it was not learned."""
    if stream.course.gain > HALF:
        return
    share = _each_step(stream.trace)
    yield RULE.finding(
        Severity.WARNING,
        f"weight decay takes {share:.0%} off the weights in each step, and little is learned",
        step=stream.first.step,
        measured=f"a weight decay of {stream.trace.weight_decay:g} times the rate is {share:.2g} a "
        f"step{stream.course.remark}",
        expected="a share of 1e-6 to 1e-4 a step",
        certainty="exact for the share; the harm by the course of the loss",
        causes=("other", "vanishing"),
        remedies=(_LOWER, _NONE),
        evidence={"share": share},
    )


def _share(weights: Sequence[Shrinkage], known: Sequence[Shrinkage]) -> float:
    """Of all numbers, those of some weights."""
    return sum(w.size for w in weights) / max(sum(w.size for w in known), 1)


def _may_decay(stream: Stream) -> bool:
    """Whether an optimizer decays weights or the loss has a penalty, or either is not known."""
    by_loss = any(
        loss.penalised or not abs(loss.penalty) <= PENALTY * abs(loss.value)
        for loss in stream.readings
    )
    return by_loss or stream.trace.weight_decay != 0


def _finding(stream: Stream, severity: Severity, decaying: Sequence[Shrinkage]) -> Finding:
    worst = min(decaying, key=lambda w: w.latest / w.first)
    by_optimizer = stream.trace.weight_decay != 0
    return RULE.finding(
        severity,
        f"{'weight decay' if by_optimizer else 'a penalty'} shrinks the weights to nothing: their "
        "updates point along themselves",
        site=worst.name,
        step=stream.first.step,
        measured=f"{worst.name} went from {worst.first:.2g} to {worst.latest:.2g}{_way(worst)}; so "
        f"did {len(decaying)} weights in all; {stream.course}",
        expected="weights that the loss holds up against their decay",
        certainty="sizes are exact on the recorded steps, the way between them is interpolated",
        causes=("other", "vanishing"),
        remedies=(_LOWER, _NONE) if by_optimizer else (_PENALTY,),
        evidence={"left": worst.latest / worst.first, "along": worst.along},
    )


def _way(weight: Shrinkage) -> str:
    """How much of the way led to 0; of what is gone nobody asks."""
    if weight.is_gone:
        return ", next to nothing"
    return f", and {min(weight.along, 1):.0%} of its way led towards 0"


_LOWER = Remedy(
    "Lower the weight decay, or the factor of an L2 penalty: 1e-4 to 1e-2 is usual.",
    "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)",
    edit="lower-decay",
)
_NONE = Remedy(
    "See whether it learns without any.",
    "for group in optimizer.param_groups:\n    group['weight_decay'] = 0.0",
)
_PENALTY = Remedy(
    "Lower the factor of the penalty on the weights, or see whether it learns without."
)


# --- cases ----------------------------------------------------------------------------------------
def _example(decay: float, losses: Sequence[float], update: float | None = None) -> Trace:
    """Weights that shrink by `decay` of themselves a step; updates are as large or as given."""
    graph = example.chain("linear", "relu", "linear", "mse_loss")
    known = example.regression(losses, update=0.0)
    shots = []
    for reading, step in zip(known.snapshots, (0, 1, 4, 16, 99), strict=True):
        size = 0.5 * (1 - decay) ** step
        length = size * (decay if update is None else update)
        parameters = example.weights(
            graph, weight_rms=size, update_rms=length, gradient_rms=0.01 * size
        )
        shots.append(example.snapshot(graph, step=step, loss=reading.loss, parameters=parameters))
    return example.trace(*shots, losses=losses)


_WEAK = [0.7 + 0.5 * 0.97**step for step in range(100)]


def _without(*, penalised: bool = False) -> Trace:
    """The same with an optimizer without weight decay, and perhaps a penalty in the loss."""
    known = _example(0.1, _WEAK)
    shots = [
        replace(shot, loss=shot.loss and replace(shot.loss, penalised=penalised))
        for shot in known.snapshots
    ]
    return replace(known, weight_decay=0.0, snapshots=tuple(shots))


def _later(left: float, losses: Sequence[float] = _WEAK) -> Trace:
    """Weights of which so much is left at the end, and hardly less than all when they were read."""
    known = _example(1e-4, losses)
    names = [p.name for p in known.snapshots[-1].parameters]
    sizes = LatestSizes(len(losses), dict.fromkeys(names, 0.5 * left))
    return replace(known, sizes=sizes)


def _each(share: float, losses: Sequence[float] = _WEAK, *, rate: float = 0.01) -> Trace:
    """Weights that keep a size, with an optimizer that takes a share off them in each step."""
    ends, unknown = np.array([0, len(losses)]), np.array([np.nan])
    rates = RateCurve(ends, np.zeros(2, np.int64), np.full(2, rate), unknown)
    return replace(_example(1e-6, losses), weight_decay=share / rate, rates=rates)


RULE = Rule(
    code="OPT030",
    name="weights-decay-away",
    title="Weight decay that is stronger than the loss",
    why="Weight decay takes a share off every weight in every step, and the gradient of the loss "
    "has to put it back. Where the share is larger than what the gradient gives, all weights "
    "shrink geometrically, and with them the signal and the gradient that could hold them up.",
    sees="""
A weight decay of 0.5 where 0.0005 was meant, or an L2 penalty that is summed over all weights with
a factor for means: the weights shrink to nothing, every input gets the same answer, and the loss
rests at the level of a constant. With AdamW the share is the rate times the decay; in SGD momentum
multiplies it.
""",
    evidence="""
The size of each weight from the first recorded step to the last, and the sum of its updates in
between; and its size after the last step, or where the network was evaluated last. If the updates
point along the weight, the logarithm of its size falls by as much as they add up to; updates of the
loss point elsewhere and leave the size nearly as it was.

Or the rate times the decay: where it is above 0.01, no weight remembers a gradient for more than a
hundred steps. It is a warning where less than half was learned, unless the rate is above 0.1: then
it is the rate.
""",
    ignore="""
A network that learns while its weights shrink (pruning, a decay that is meant) is left in peace:
this rule needs a fit no better than a constant prediction, or that of the larger part of the
weights nothing is left and the fit explains less than half. So is one whose optimizer has no weight
decay and whose loss has no penalty: there it is the targets that lead the weights to 0, as where a
correction is learned that is not needed.
""",
    references=(
        "Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization",
        "Krogh & Hertz 1992, A Simple Weight Decay Can Improve Generalization",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check=check,
    thresholds={
        "left": LEFT,
        "along": ALONG,
        "gone": GONE,
        "most": MOST,
        "larger": LARGER,
        "nothing": NOTHING,
        "half": HALF,
        "penalty": PENALTY,
        "each": EACH,
        "usual": USUAL,
        "steps": ENOUGH_STEPS,
    },
    explains=(
        "constant-output",
        "vanishing-gradient",
        "zero-gradient",
        "loss-flat",
        "rate-too-high",
        "rate-too-low",
        "dead-units",
        "stopped-early",
    ),
    cases=(
        Case("to a hundredth in the run", lambda: _example(0.05, FLAT), Severity.WARNING),
        Case("to a quarter in the run", lambda: _example(0.015, FLAT), Severity.WARNING),
        Case("near miss: it learns all the same", lambda: _example(0.05, FALLING), None),
        Case("nothing is left of them", lambda: _example(0.1, _WEAK), Severity.WARNING),
        Case(
            "near miss: of weights that the fit has no use for",
            lambda: _example(0.1, FALLING),
            None,
        ),
        Case("gone after the last recorded step", lambda: _later(1e-9), Severity.WARNING),
        Case("near miss: a part of them is left after it", lambda: _later(0.1), None),
        Case("near miss: gone after it, and it learned", lambda: _later(1e-9, FALLING), None),
        Case("by a penalty alone", lambda: _without(penalised=True), Severity.WARNING),
        Case("near miss: nothing decays, the loss leads there", lambda: _without(), None),
        Case("a tenth is taken in each step", lambda: _each(0.1), Severity.WARNING),
        Case("near miss: a tenth, and it learned", lambda: _each(0.1, FALLING), None),
        Case("near miss: by the rate", lambda: _each(0.1, rate=10.0), None),
        Case("near miss: a thousandth", lambda: _each(0.001), None),
        Case("near miss: a usual decay", lambda: _example(1e-4, FLAT), None),
        Case(
            "near miss: they shrink on a long way that led elsewhere",
            lambda: _example(0.05, FLAT, update=0.5),
            None,
        ),
        Case("readings missing: nothing", lambda: example.unread(_example(0.05, FLAT)), None),
    ),
)
