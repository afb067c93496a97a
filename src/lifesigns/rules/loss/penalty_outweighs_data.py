"""LOS011: a penalty that is all the network learns to please."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import CALIBRATED, ENOUGH_STEPS, NOTHING
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LEFT = Threshold(0.1, "share of its largest value that is left of the penalty", CALIBRATED)
SAME = Threshold(
    0.3,
    "deviation of the outputs over that of the targets, at each place",
    "arithmetic: the outputs have less than a tenth of the targets' variance",
)

MOST = 50.0
"""Size of a logit from which on its share is 0 or 1."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = [s for s in stream.snapshots if s.loss and _is_penalised(s.loss)]
    course = stream.course
    severity = course.harm(NOTHING)
    gave_up = course.gain < NOTHING and _deviation(stream) < SAME
    if len(known) > 1 and gave_up and severity is not Severity.NOTE and _is_pleased(known):
        yield _finding(stream, known, severity)


def _is_penalised(loss: LossReading) -> bool:
    return loss.penalised and math.isfinite(loss.penalty)


def _is_pleased(known: Sequence[Snapshot]) -> bool:
    sizes = _penalties(known)
    return max(sizes) > 0 and abs(sizes[-1]) / max(sizes) < LEFT


def _penalties(known: Sequence[Snapshot]) -> list[float]:
    return [s.loss.penalty for s in known if s.loss]


def _deviation(stream: Stream) -> float:
    """Of the outputs over inputs, in those of the targets; of logits as far as shares follow."""
    last = stream.readings[-1]
    target = last.target
    if not last.operation.endswith("with_logits") or last.prediction is None or target is None:
        return stream.course.output_deviation
    given, wanted = last.places or last.prediction, target.places or target.sums
    shares = 1 / (1 + np.exp(-np.clip(given.mean, -MOST, MOST)))
    follows = shares * (1 - shares)  # the derivative of the sigmoid
    size = math.sqrt(wanted.variance.mean())
    return math.sqrt((follows**2 * given.variance).mean()) / size if size > 0 else math.nan


def _finding(stream: Stream, known: Sequence[Snapshot], severity: Severity) -> Finding:
    loss, sizes = stream.readings[-1], _penalties(known)
    elements = math.prod(loss.input_shape[1:])
    part = loss.scale / elements if elements else math.nan
    averaged = (
        f"; the data term counts {loss.scale:.3g} of the {elements} elements of a sample"
        if part < 1
        else ""
    )
    return RULE.finding(
        severity,
        "the penalty is all that is learned: the data term is at the level of a constant",
        site=stream.last.graph.sites[loss.site].name if loss.site >= 0 else "",
        step=known[0].step,
        measured=f"the penalty went from {max(sizes):.3g} to {sizes[-1]:.3g}, the outputs vary by "
        f"{_deviation(stream):.1%} of the targets' variation{averaged}; "
        f"{stream.course}",
        expected="a data term that pays for what the penalty costs",
        certainty="the levels are measured; that the penalty is to blame is likely",
        causes=("wrong_loss",),
        remedies=(
            Remedy(
                "Count both per sample: sum the data term over the elements, as the penalty is.",
                'fit = F.mse_loss(output, x, reduction="sum") / len(x)\nloss = fit + kl',
                edit="weigh-terms",
            ),
            Remedy(
                "Or let the penalty's weight grow from 0 once the data term has fallen.",
                "loss = fit + min(1.0, step / 1000) * kl",
            ),
        ),
        evidence={"penalty": sizes[-1], "largest": max(sizes), "gain": stream.course.gain},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    penalties: Sequence[float],
    fits: Sequence[float],
    *,
    spread: float = 0.01,
    steps: int = 200,
    logits: bool = False,
) -> Trace:
    """Targets 0 and 1, so that a constant has a squared error of 1/4."""
    wanted = np.tile([[0.0], [1.0]], (16, 1))
    losses = np.interp(np.arange(steps), [0, steps - 1], [fits[0], fits[-1]]).tolist()
    recorded = np.linspace(0, steps - 1, len(penalties)).astype(int).tolist()
    form = "binary_cross_entropy"
    loss = f"{form}_with_logits" if logits else "mse_loss"
    known = example.fitting(
        example.chain("linear", "relu", "linear", loss, batch=32),
        losses,
        0.5 + spread * (wanted - 0.5),
        example.target(wanted),
        steps=recorded,
        kind=form if logits else "squared_error",
        penalised=True,
    )
    shots = [
        replace(shot, loss=shot.loss and replace(shot.loss, value=shot.loss.fit + penalty))
        for shot, penalty in zip(known.snapshots, penalties, strict=True)
    ]
    return example.trace(*shots, losses=losses + np.interp(range(steps), recorded, penalties))


_GONE, _KEPT = (0.4, 0.1, 0.01, 0.001), (0.04, 0.5, 2.0, 3.0)

RULE = Rule(
    code="LOS011",
    name="penalty-outweighs-data",
    title="A penalty outweighs the data",
    why="A loss of two terms is lowered where it is cheapest. If all there is to gain in the data "
    "is less than a first step towards it costs in penalty, the network lets the data go and "
    "gives the answer that pleases the penalty: the same for every input.",
    sees="""
An autoencoder whose Kullback-Leibler term is summed over the code while the reconstruction is
averaged over the pixels draws the mean image, whatever it is shown (posterior collapse). A penalty
on activations that is too strong does the same to any network.
""",
    evidence="""
The data term is no better than the best constant prediction (of an image: at each place), the
outputs hardly vary over the batch (of logits: the shares that they stand for), and the rest of the
loss, which depends on what the network makes of its input, fell to a small part of its largest
recorded value.
""",
    ignore="""
If the penalty is meant to be met first, and its weight falls later.
""",
    references=(
        "Bowman et al. 2016, Generating Sentences from a Continuous Space: annealing the KL term",
        "Lucas et al. 2019, Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"left": LEFT, "same": SAME, "learned": NOTHING, "steps": ENOUGH_STEPS},
    explains=(
        "loss-flat",
        "labels-unrelated",
        "constant-output",
        "dead-units",
        "rate-too-low",
        "stopped-early",
    ),
    cases=(
        Case("the penalty is gone, the data too", lambda: _example(_GONE, [0.25]), Severity.ERROR),
        Case("after few steps", lambda: _example(_GONE, [0.25], steps=60), Severity.WARNING),
        Case(
            "logits that differ by less than a share follows",
            lambda: _example(_GONE, [math.log(2)], spread=0.5, logits=True),
            Severity.ERROR,
        ),
        Case("near miss: the penalty grows", lambda: _example(_KEPT, [0.25]), None),
        Case("near miss: data learned", lambda: _example(_GONE, [0.25, 0.02], spread=0.9), None),
        Case("readings missing: no terms", lambda: example.unread(_example(_GONE, [0.25])), None),
    ),
)
