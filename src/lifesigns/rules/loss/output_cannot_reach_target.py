"""LOS005: the output's range does not hold the targets, or the loss does not fit them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.misfit import POOR, lowest, misfit, reached
from lifesigns.evidence.mute import MATTERS, mute
from lifesigns.evidence.output import SHAPING, activation_before_logits, compared_softmax
from lifesigns.evidence.reach import REACH, beyond_reach
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED, HALF, HALF_PRECISION, SURE_SAMPLES
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, SiteReading, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOTAL = Threshold(
    0.5, "sum of a sample's targets over that of the outputs, off 1", "smoothing of labels keeps it"
)
FLOOR = Threshold(
    0.25, "lowest reachable loss over that of a constant", "a quarter of what can be learned"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    if stream.readings:
        judges = (_out_of_reach, _sums_to_one, _wrong_loss, _bounded_logits)
        found = (judge(stream, stream.readings[-1]) for judge in judges)
        yield from islice(filter(None, found), 1)


# --- regression: the targets lie outside the range of the output activation
def _out_of_reach(stream: Stream, _: LossReading) -> Finding | None:
    found = next(beyond_reach(stream), None)
    if found is None:
        return None
    site, low, high, least, most = found.site, found.low, found.high, found.least, found.most
    return RULE.finding(
        found.severity,
        f"{site.name} gives ({low:.3g}, {high:.3g}), the targets span [{least:.3g}, {most:.3g}]",
        site=site.name,
        step=stream.first.step,
        measured=f"targets outside the range of {site.operation} by "
        f"{max(low - least, most - high):.3g}{found.level}",
        expected="an output that can take every value of the targets",
        certainty=f"exact, on the targets of {len(stream.readings)} recorded steps",
        causes=("wrong_output_activation",),
        remedies=(
            Remedy(
                "Leave the activation of the last layer out in a regression.",
                f"# the last layer ends without {site.operation}\nnn.Linear(width, outputs)",
                edit="drop-activation",
            ),
            Remedy(
                "Or scale the targets into the range.", "y = (y - y.min()) / (y.max() - y.min())"
            ),
        ),
        evidence={"low": low, "high": high, "target_low": least, "target_high": most},
    )


# --- outputs that sum to 1 against targets that do not
def _sums_to_one(stream: Stream, loss: LossReading) -> Finding | None:
    targets, site = stream.targets, compared_softmax(stream.last)
    if site is None or targets is None or loss.target is None or loss.kind == "cross_entropy":
        return None
    if targets.units < 2 or math.prod(loss.target.shape[1:]) != targets.units:
        return None  # a broadcast target has no sum of its own
    total = float(targets.mean.sum())
    if not abs(total - 1) > TOTAL:
        return None
    fits_most = FITTED > stream.course.gain > HALF
    return RULE.finding(
        Severity.WARNING if fits_most else misfit(stream.course),
        f"{site.name} gives outputs that sum to 1, the targets sum to {total:.3g}",
        site=site.name,
        step=stream.first.step,
        measured=f"{targets.units} targets per sample with a sum of {total:.3g}"
        + reached(stream.course),
        expected="targets that are a distribution, or an output without softmax",
        certainty=f"exact, on the targets of {len(stream.readings)} recorded steps",
        why="A softmax shares out a total of 1: raising one output lowers all others. Targets with "
        "another sum can only be missed, most of all where there are many of them.",
        causes=("wrong_output_activation",),
        remedies=(
            Remedy(
                "Independent values between 0 and 1: a sigmoid for each.",
                "model[-1] = nn.Sigmoid()  # or no activation at all, for values on any scale",
                edit="swap-activation",
            ),
        ),
        evidence={"total": total, "units": targets.units},
    )


# --- cross-entropy: the targets are no probabilities
def _wrong_loss(stream: Stream, loss: LossReading) -> Finding | None:
    targets = stream.targets
    if targets is None or loss.target is None or loss.target.is_index or not targets.units:
        return None
    if loss.kind not in ("cross_entropy", "binary_cross_entropy") or loss.scale < 0:
        return None  # a negative scale: the target was read with its sign reversed
    least, most = float(targets.minimum.min()), float(targets.maximum.max())
    outside = least < -HALF_PRECISION or most > 1 + HALF_PRECISION
    alone = loss.kind == "cross_entropy" and targets.units == 1
    if loss.target.integer_valued and not alone and targets.units == 1 and least >= 0:
        return None  # classes as numbers: LOS007
    if not (outside or (alone and least < most)):
        return None
    images = loss.target.places is not None or len(loss.target.shape) > 2
    scales = loss.kind == "binary_cross_entropy" and (images or loss.target.integer_valued)
    unscaled = outside and scales  # grey values from 0 to 255, or labels -1 and 1
    return RULE.finding(
        Severity.ERROR if not stream.course.gain > HALF else Severity.WARNING,
        f"targets in [{least:.3g}, {most:.3g}] are no probabilities for {loss.kind}"
        if outside
        else "cross-entropy on a single output is lowest at 1, whatever the target",
        site=stream.last.graph.sites[loss.site].name if loss.site >= 0 else "",
        step=stream.first.step,
        measured=f"real targets with mean {float(targets.mean.mean()):.3g}"
        + (", one output" if alone else ""),
        expected="targets from 0 to 1 that sum to 1 over the outputs",
        certainty=f"exact, on the targets of {len(stream.readings)} recorded steps",
        why="Cross-entropy compares probabilities: -Σ y log p is lowest at p = y only if both sum "
        "to 1 over the outputs. With real values as targets its minimum lies elsewhere, and a "
        "lower loss does not mean a better prediction.",
        causes=("unnormalised_input", "wrong_loss") if unscaled else ("wrong_loss",),
        remedies=(*((_scaled(least, most),) if unscaled else ()), *_OTHER_LOSSES),
        evidence={"target_low": least, "target_high": most},
    )


def _scaled(least: float, most: float) -> Remedy:
    shift = f"(target - {least:.3g})" if least < 0 else "target"
    return Remedy(
        "Scale the targets to 0 to 1, the range of probabilities.",
        f"target = {shift} / {most - min(least, 0.0):.3g}",
    )


_OTHER_LOSSES = (
    Remedy(
        "Use squared error for real values.", "loss = F.mse_loss(output, target)", edit="swap-loss"
    ),
    Remedy(
        "One output for two classes: the binary form.",
        "loss = F.binary_cross_entropy_with_logits(logit, target)",
    ),
)


# --- cross-entropy: an activation in front keeps the logits from what they need
def _bounded_logits(stream: Stream, loss: LossReading) -> Finding | None:
    site = activation_before_logits(stream.last)
    if site is None or "cross_entropy" not in loss.kind or loss.target is None:
        return None
    low, high = ACTIVATIONS[site.operation].range(site.details)
    floor = lowest(loss, low, high, site.units)
    if low != 0 and not floor > FLOOR * stream.course.baseline:
        return None
    unsaid = mute(stream.snapshots, site.name) if low == 0 else None
    fits = stream.course.gain > HALF and not (unsaid and unsaid.matters)
    return RULE.finding(
        Severity.NOTE if fits else Severity.WARNING,
        f"{site.name} limits the outputs to ({low:.3g}, {high:.3g}), the loss expects logits",
        site=site.name,
        step=stream.first.step,
        measured=(
            f"the lowest loss these outputs can reach is {floor:.3g}"
            if floor > 0
            else "outputs cannot be negative, and have no gradient where they are 0"
        )
        + str(unsaid or "")
        + reached(stream.course),
        expected="logits: the output of the last layer without an activation",
        certainty="proved on the graph",
        why="Logits say 'no' with large negative numbers and 'yes' with large positive ones. An "
        "activation in front cuts that off, and where it is flat the output unit stops learning.",
        causes=("wrong_output_activation",),
        remedies=(
            Remedy(
                "Leave the activation of the last layer out.",
                f"nn.Linear(width, {site.units})  # no {site.operation} after it",
                edit="drop-activation",
            ),
        ),
        evidence={"low": low, "high": high, "lowest_loss": floor},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    operations: Sequence[str],
    targets: ArrayLike,
    *,
    kind: str = "squared_error",
    outputs: Sequence[float] = (0.1, 0.9),
    losses: Sequence[float] = (1.0,) * 60,
    **target: Any,
) -> Trace:
    wanted = np.asarray(targets, float)
    wanted = wanted.reshape(len(wanted), -1)
    graph = example.chain("linear", *operations, units=10, batch=len(wanted))
    values = np.resize(np.asarray(outputs, float), wanted.shape)
    first = graph.sites[1]
    bounds = ACTIVATIONS[first.operation].range() if first.kind in SHAPING else None
    return example.fitting(
        graph,
        losses,
        values,
        example.target(wanted, **target),
        steps=(0, 9, 50),
        sites=[SiteReading(1, example.sums(np.clip(values, *bounds)))] if bounds else [],
        kind=kind,
    )


def _shared(level: float) -> Trace:
    """Nine of ten labels of each sample; the mean square of a constant's error is 0.09."""
    return _example(("softmax", "mse_loss"), 1 - np.eye(10), outputs=(0.1,), losses=[level] * 60)


def _classified(*operations: str, losses: Sequence[float] = (1.0,) * 60) -> Trace:
    """Ten classes and a cross-entropy on what these operations make of the last layer."""
    reads = (*operations, "log_softmax", "nll_loss")
    return _example(reads, _CLASSES, classes=10, kind="cross_entropy", outputs=_LOGS, losses=losses)


def _second(level: float) -> Trace:
    """Classes, and a sigmoid against targets in pixels, in one sum."""
    known, first = _example(("sigmoid", "mse_loss"), _WIDE), _classified().snapshots[0].loss
    term = known.snapshots[0].loss
    if term and first:
        loss = replace(first, value=level, others=(replace(term, fit=level),))
        known = replace(known, snapshots=tuple(replace(s, loss=loss) for s in known.snapshots))
    return known


def _naming(number: int) -> Trace:
    """A rectified output that learned, whose first `number` units of ten are positive at times."""
    known = _classified("relu", losses=_LEARNED)
    read = (SiteReading(1, example.sums(np.tile(np.eye(10) * (np.arange(10) < number), (3, 1)))),)
    return replace(known, snapshots=tuple(replace(s, sites=read) for s in known.snapshots))


_WIDE = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
_CLASSES = tuple(range(10)) * 3
_LOGS = (-2.3, -0.1)
_LEARNED = tuple(np.geomspace(2.5, 0.1, 60))

RULE = Rule(
    code="LOS005",
    name="output-cannot-reach-target",
    title="The output's range does not hold the targets",
    why="An activation at the output limits what the network can say: a sigmoid stays in 0 to 1, "
    "a ReLU is never negative. Targets beyond that can only be missed, and pushing towards them "
    "drives the activation to its flat end, where the gradient is lost.",
    sees="""
The activation of the last layer decides which values a network can produce, and the loss which
values it is asked for. The two must fit: none for regression on any scale, a sigmoid for
probabilities, none at all before a loss that takes logits. And targets of a cross-entropy must be
probabilities.
""",
    evidence="""
Regression, alone or a term of a sum: the range of the activation whose values the loss compares,
against the smallest and largest target in all recorded steps; behind a softmax, the sum of a
sample's targets against 1. Cross-entropy: targets outside 0 to 1, or one output without its
complement; or an activation before the loss's own softmax or sigmoid that makes outputs
non-negative or keeps the lowest reachable loss far above 0.
""",
    ignore="""
A ReLU in front of logits or a few targets beyond the range often cost little: as long as the
network gets more than half of the way from a constant prediction to a perfect one, it is a note,
unless units behind a ReLU are 0 for all samples of the later half while their classes occur; of a
regression only where nine tenths are fitted, or three quarters of the range are within reach; and
of a softmax for targets of another sum only where nine tenths are fitted.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2: output units",
        "Humbatova et al. 2020, Taxonomy of Real Faults in Deep Learning Systems (ICSE)",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.LOSS}),
    check=check,
    thresholds={
        **REACH,
        "weak": POOR,
        "steps": ENOUGH_STEPS,
        "total": TOTAL,
        "floor": FLOOR,
        "fitted": FITTED,
        "mute": MATTERS,
        "samples": SURE_SAMPLES,
    },
    explains=(
        *("squared-error-on-saturated-output", "non-finite-origin", "loss-flat", "saturated-units"),
        *("dead-units", "constant-output", "zero-gradient", "penalty-outweighs-data"),
        "one-loss-unlearned",
    ),
    cases=(
        Case(
            "sigmoid",
            lambda: _example(("sigmoid", "mse_loss"), _WIDE, losses=[3] * 60),
            Severity.ERROR,
        ),
        Case("the second term of a sum", lambda: _second(3.0), Severity.WARNING),
        Case("near miss: it is fitted", lambda: _second(0.2), None),
        Case(
            "ReLU, and all is fitted that it can reach",
            lambda: _example(("relu", "mse_loss"), _WIDE, losses=[3, *[1.2] * 59]),
            Severity.WARNING,
        ),
        Case(
            "ReLU against negative targets",
            lambda: _example(("relu", "mse_loss"), [-1.0, -2.0, -3.0]),
            Severity.ERROR,
        ),
        Case(
            "a softmax for targets that sum to 5",
            lambda: _example(
                ("softmax", "mse_loss"), np.full((6, 10), 0.5), outputs=(0.1,), losses=[0.16] * 60
            ),
            Severity.ERROR,
        ),
        Case(
            "a softmax for nine labels, and much is fitted", lambda: _shared(0.03), Severity.WARNING
        ),
        Case("near miss: all of it is", lambda: _shared(0.005), None),
        Case(
            "near miss: a softmax for targets that sum to 1",
            lambda: _example(("softmax", "mse_loss"), np.full((6, 10), 0.1), outputs=(0.1,)),
            None,
        ),
        Case(
            "cross-entropy on real values",
            lambda: _example(
                ("log_softmax", "nll_loss"), _WIDE, kind="cross_entropy", outputs=_LOGS
            ),
            Severity.ERROR,
        ),
        Case(
            "grey values from 0 to 255 as probabilities",
            lambda: _example(
                ("sigmoid", "binary_cross_entropy"),
                np.arange(0, 250, 5.0).reshape(5, 10),
                kind="binary_cross_entropy",
            ),
            Severity.ERROR,
        ),
        Case(
            "cross-entropy with one output",
            lambda: _example(("sigmoid", "log"), [0.1, 0.4, 0.9], kind="cross_entropy"),
            Severity.ERROR,
        ),
        Case(
            "ReLU before the softmax, nothing learned",
            lambda: _classified("relu", losses=(2.3,) * 60),
            Severity.WARNING,
        ),
        Case(
            "near miss: ReLU before the softmax, learned all the same",
            lambda: _classified("relu", losses=_LEARNED),
            None,
        ),
        Case(
            "ReLU before the softmax, learned but for a class that it never names",
            lambda: _naming(9),
            Severity.WARNING,
        ),
        Case("near miss: the same, each class is named at times", lambda: _naming(10), None),
        Case("in range", lambda: _example(("sigmoid", "mse_loss"), [0.0, 0.5, 1]), None),
        Case(
            "a scaled sigmoid",
            lambda: _example(("sigmoid", "linear", "mse_loss"), _WIDE, outputs=(-2, 3)),
            None,
        ),
        Case("no activation", lambda: _example(("mse_loss",), _WIDE), None),
        Case(
            "a sigmoid before the loss for probabilities",
            lambda: _example(
                ("sigmoid", "binary_cross_entropy"), [0.0, 1.0], kind="binary_cross_entropy"
            ),
            None,
        ),
        Case("logits", lambda: _classified(), None),
        Case(
            "readings missing: no targets",
            lambda: example.unread(_example(("relu", "mse_loss"), [-1.0, -2.0, -3.0])),
            None,
        ),
    ),
)
