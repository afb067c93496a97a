"""LOS010: the loss is a sum over the batch, and its steps are too large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.thresholds import LARGE_UPDATE
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

BATCH = Threshold(2, "samples of a batch from which sum and mean differ", "exact")
SHARE = Threshold(0.9, "loss over mean loss, as a share of the batch", "ragged batches")
PLAIN = Threshold(2, "factor of an update over rate times gradient", "plain descent: exactly 1")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss and _is_sum(s.loss)]
    if shots:
        yield _finding(stream, shots, stream.course)


def _is_sum(loss: LossReading) -> bool:
    batch = loss.input_shape[0] if loss.input_shape else 1
    return batch >= BATCH and loss.scale > SHARE * batch


def _counts(loss: LossReading) -> bool:
    """Whether the factor is a number of samples, or of them and what each holds, not any other."""
    counts = np.cumprod(np.array(loss.input_shape or (1,), float))
    return bool((np.abs(loss.scale / counts - 1) < 1 - SHARE).any())


def _finding(stream: Stream, shots: Sequence[Snapshot], course: Course) -> Finding:
    scale = float(np.median([s.loss.scale for s in shots if s.loss]))
    update = stream.largest_update
    large = update > LARGE_UPDATE and _descends_plainly(stream.first)
    severity = course.harm() if large else Severity.NOTE
    is_sum = all(_counts(s.loss) for s in shots if s.loss)
    site = shots[0].loss.site if shots[0].loss else -1
    return RULE.finding(
        severity,
        f"the loss is {'a sum: ' if is_sum else ''}{scale:.3g} times the mean"
        + (", and the steps with it" if severity is not Severity.NOTE else ""),
        site=shots[0].graph.sites[site].name if site >= 0 else "",
        step=stream.first.step,
        measured=f"{course}; the largest update was {update:.2g} of its weights",
        expected="updates of about 1e-3 of the weights, whatever the batch size",
        certainty="exact: the loss over the mean of its terms",
        causes=("wrong_loss", "lr_too_high"),
        remedies=(_MEAN, _RATE) if is_sum else (_FACTOR,),
        evidence={"scale": scale, "update": update, "gain": course.gain},
    )


def _descends_plainly(snapshot: Snapshot) -> bool:
    """Whether updates are the rate times the gradient: Adam and its kin undo any factor."""
    ratios = [
        p.update_rms / (p.learning_rate * p.gradient_rms)
        for p in snapshot.parameters
        if p.learning_rate > 0 and p.gradient_rms > 0 and np.isfinite(p.update_rms)
    ]
    return bool(ratios) and 1 / PLAIN < float(np.median(ratios)) < PLAIN


_MEAN = Remedy(
    "Take the mean over the batch.",
    "loss = F.mse_loss(output, target)",
    edit="mean-reduction",
)
_RATE = Remedy(
    "Or divide the rate by the batch size.",
    "for group in optimizer.param_groups:\n    group['lr'] /= len(x)",
    edit="scale-rate",
)
_FACTOR = Remedy(
    "Leave the factor of the loss out, or divide the rate by it.",
    "for group in optimizer.param_groups:\n    group['lr'] /= factor",
    edit="scale-rate",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float], *, scale: float = 32, update: float = 1.0, gradient: float = 10.0
) -> Trace:
    """Plain descent at rate 0.1 if `gradient` is ten times `update`; targets ±1."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    readings = example.weights(
        graph, weight_rms=0.5, update_rms=update, gradient_rms=gradient, learning_rate=0.1
    )
    return example.fitting(
        graph, losses, 0.1 * sign, example.target(sign), parameters=readings, scale=scale
    )


_FLAT = [32.0] * 200

RULE = Rule(
    code="LOS010",
    name="sum-not-mean",
    title="The loss is a sum over the batch, and its steps are too large",
    why="The gradient of a sum grows with the number of samples, so the rate that suits a mean is "
    "too high by the batch size. Each change of the batch then changes the step length too.",
    sees="""
A loss with `reduction='sum'`, or written by hand with `.sum()`. It is not wrong in itself: with a
rate that suits it, a sum trains exactly like a mean.
""",
    evidence="""
The loss as trained over the mean of its terms, on the recorded steps. Where that is no number of
samples or elements, it is called a factor, such as the squared temperature of a distillation. It
alarms if the steps are larger than a tenth of the weights, are in proportion to the gradient, and
the fit stays weak.
""",
    ignore="""
A sum that learns is only noted. So is one under Adam and its kin: they divide by the size of the
gradient, which undoes any constant factor.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.1.3: minibatch algorithms",
        "Goyal et al. 2017, Accurate, Large Minibatch SGD: the linear scaling rule",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check=check,
    thresholds={"batch": BATCH, "share": SHARE, "update": LARGE_UPDATE, "plain": PLAIN},
    explains=(
        "loss-diverges",
        "loss-flat",
        "exploding-gradient",
        "non-finite-origin",
        "dead-units",
        "saturated-units",
        "constant-output",
        "zero-gradient",
        "rate-too-high",
        "loss-oscillates",
    ),
    cases=(
        Case("large steps, nothing learned", lambda: _example(_FLAT), Severity.ERROR),
        Case("a factor", lambda: _example([500.0] * 200, scale=500), Severity.ERROR),
        Case("not finite", lambda: _example([32.0] * 60 + [float("inf")]), Severity.ERROR),
        Case(
            "near miss: a sum that learns", lambda: _example(list(np.geomspace(32, 1, 200))), None
        ),
        Case("near miss: small steps", lambda: _example(_FLAT, update=1e-3, gradient=0.01), None),
        Case("near miss: Adam", lambda: _example(_FLAT, gradient=1e4), None),
        Case("a mean", lambda: _example(_FLAT, scale=1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(_FLAT)), None),
    ),
)
