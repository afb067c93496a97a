"""DAT001: input features far from scale 1, with a measured effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold, suspects
from lifesigns.evidence.beginning import NEARLY_ALL, on_flat_ends
from lifesigns.evidence.output import is_output
from lifesigns.evidence.scales import differences
from lifesigns.evidence.suspects import Suspect
from lifesigns.evidence.thresholds import (
    ENOUGH_STEPS,
    FITTED,
    NOTHING,
    RAW_INPUT,
    SATURATED,
    WEAK,
)
from lifesigns.records import (
    BatchReading,
    Finding,
    Kind,
    LossCurve,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

EFFECTS_OF_LARGE = (
    suspects.saturated_layer,
    suspects.silent_layer,
    suspects.no_gradient,
    suspects.rate_too_high,
    suspects.rate_too_low,
)
"""Large inputs saturate the first layer, or make steps large; a rate that bears them is too low."""
EFFECTS_OF_SMALL = (suspects.faded_gradient, suspects.rate_too_low, suspects.no_gradient)
NEARLY = Threshold(0.9, "share of an output's values on a flat end", "nearly all")
FLAT_LOGIT = Threshold(
    6.0, "size of a logit on a flat end", "sigmoid: its slope is 1 % of the largest at 5.99"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    rms = stream.input_rms
    unscaled = rms > RAW_INPUT or 0 < rms < 1 / RAW_INPUT
    if _is_normalised(stream.first):
        return
    if unscaled:
        yield _finding(stream, rms)
    elif found := _far_from_their_mean(stream):
        yield _shifted(stream, *found)


def _far_from_their_mean(stream: Stream) -> tuple[float, float] | None:
    """Mean and deviation of the feature that differs most, if in each step it hardly does."""
    known = [(mean, own) for mean, own in map(differences, stream.snapshots) if own > 0]
    alike = [own * RAW_INPUT < abs(mean) for mean, own in known]
    return max(known, key=lambda of: of[1] / abs(of[0])) if known and all(alike) else None


def _shifted(stream: Stream, mean: float, deviation: float) -> Finding:
    course = stream.course
    severity = course.harm(NOTHING) if course.harmed else Severity.NOTE
    return RULE.finding(
        severity,
        f"all inputs look alike: features differ by {deviation:.2g} at most, about a mean of "
        f"{mean:.3g}" + (_consequence(stream) if severity is not Severity.NOTE else ""),
        site="input",
        step=stream.first.step,
        measured=str(course),
        expected="features of mean 0 and RMS about 1",
        certainty="the scale is exact on the recorded batches; the effect is likely",
        why="The first layer adds up what all inputs have in common, and what tells them apart is "
        "a small part of that sum: the weights are fitted to the mean, and the gradients of all "
        "samples point the same way.",
        causes=("unnormalised_input",),
        remedies=(_SCALE, _UNITS),
        evidence={"mean": mean, "deviation": deviation, "gain": course.gain},
    )


def _is_normalised(snapshot: Snapshot) -> bool:
    """Whether a normalisation is the first thing that happens to the input."""
    graph = snapshot.graph
    entries = [site for i, site in enumerate(graph.sites) if not graph.predecessors(i)]
    return bool(entries) and entries[0].kind is Kind.NORM


def _finding(stream: Stream, rms: float) -> Finding:
    course = stream.course
    effects = _effects(stream, rms)
    severity = course.harm() if effects else Severity.NOTE
    if course.opposed and course.steps >= ENOUGH_STEPS and _is_sure(stream):
        severity, effects = Severity.WARNING, [_SURE, *effects]
    stuck = rms > RAW_INPUT and _is_deaf(stream)
    if stuck and severity is Severity.NOTE:
        severity, effects = Severity.WARNING, [_DEAF, *effects]
    return RULE.finding(
        severity,
        f"the input has features of RMS {rms:.3g}"
        + (_consequence(stream) if severity is not Severity.NOTE else ""),
        site="input",
        step=stream.first.step,
        measured="; ".join((str(course), *(effect.evidence for effect in effects))),
        expected="features of mean 0 and RMS about 1",
        certainty="the scale is exact on the recorded batches; the effect is measured",
        causes=("unnormalised_input", *dict.fromkeys(effect.cause for effect in effects)),
        remedies=(
            _SCALE,
            Remedy(
                "Or let the network do it.",
                "model = nn.Sequential(nn.BatchNorm1d(4), model)",
                edit="standardise-inputs",
            ),
        ),
        evidence={"rms": rms, "gain": course.gain},
    )


def _consequence(stream: Stream) -> str:
    learned = stream.course.gain > WEAK and not stream.course.opposed
    return f", and that keeps {'the first layer' if learned else 'the network'} from learning"


def _is_deaf(stream: Stream) -> bool:
    """Whether the first squashing layer is on its flat ends from the first step to the last.

    Of the input only signs get through, and the weights that would choose what to look at get no
    gradient: what is fitted is fitted by the layers behind. Asked where the fit is not complete.
    """
    course = stream.course
    if course.opposed or course.steps < ENOUGH_STEPS or not course.gain < FITTED:
        return False
    return all(any(on_flat_ends(snapshot)[:1]) for snapshot in stream.snapshots)


def _is_sure(stream: Stream) -> bool:
    """Whether some output was on a flat end in every recorded step, the first one included.

    Between opponents no loss says how far they are; a critic that nothing can make doubt has no
    gradient to hand on.
    """
    return all(_has_flat_output(snapshot) for snapshot in stream.snapshots)


def _has_flat_output(snapshot: Snapshot) -> bool:
    graph, loss = snapshot.graph, snapshot.loss
    outputs = (snapshot.reading(i) for i in graph.of_kind(Kind.ACTIVATION) if is_output(graph, i))
    values = [reading.value for reading in outputs if reading and reading.value]
    if any(v.saturated.sum() > NEARLY * v.count.sum() for v in values):
        return True
    terms = (loss, *loss.others) if loss else ()
    logits = [t.prediction for t in terms if t.operation.endswith("with_logits") and t.prediction]
    return any(x.minimum.min() > FLAT_LOGIT or x.maximum.max() < -FLAT_LOGIT for x in logits)


def _effects(stream: Stream, rms: float) -> list[Suspect]:
    losses = stream.losses
    if rms > RAW_INPUT and len(losses) and not np.isfinite(losses[-1]):
        overflow = "the loss is no longer finite"
        return [Suspect("exploding", overflow, _SCALE)]
    asked = EFFECTS_OF_LARGE if rms > RAW_INPUT else EFFECTS_OF_SMALL
    return suspects.evident(stream, asked)


_SCALE = Remedy(
    "Scale the input: mean 0 and standard deviation 1 per feature, by the training data's own.",
    "x = (x - x_train.mean(0)) / x_train.std(0).clamp_min(1e-8)",
    edit="standardise-inputs",
)


_UNITS = Remedy(
    "Subtract a mean and divide by a deviation in the units of the data: pixels between 0 and 1 "
    "have other ones than pixels between 0 and 255.",
    "print(x.mean(0), x.std(0))  # once scaled: about 0 and 1",
)


_DEAF = Suspect(
    "saturated",
    "nearly all units of the first squashing layer were on a flat end in every recorded step: only "
    "the signs of their sums get through, and the weights before them hardly move",
    _SCALE,
)
_SURE = Suspect(
    "saturated", "an output was on its flat end from the first recorded step on", _SCALE
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    scale: float,
    losses: Sequence[float],
    *,
    hidden: float = 0.5,
    first: str = "linear",
    mean: float = 0.0,
) -> Trace:
    """A tanh network on targets ±1; the hidden layer's values are ±`hidden`, flat beyond 0.99."""
    graph = example.chain(first, "linear", "tanh", "linear/1", "mse_loss", batch=32)
    sign = np.tile([[-1.0], [1.0]], (16, 4))
    squashed = example.sums(hidden * sign, saturated=np.full(sign.shape, hidden > 0.99))
    shots = [
        example.snapshot(
            graph,
            step=s,
            sites=[SiteReading(2, squashed)],
            parameters=example.weights(graph, weight_rms=0.3, update_rms=1e-3, gradient_rms=0.1),
            batch=BatchReading((32, 4), example.sums(mean + scale * sign)),
            loss=LossReading(
                losses[s],
                "squared_error",
                fit=losses[s],
                scale=1.0,
                site=4,
                input_shape=(32, 1),
                prediction=example.sums(0.1 * sign[:, :1]),
                target=example.target(sign[:, :1]),
            ),
        )
        for s in (0, 1, 50, len(losses) - 1)
    ]
    return example.trace(*shots, losses=losses)


def _opposed(scale: float, given: float) -> Trace:
    """A critic that puts out these logits, and whose loss takes turns with another."""
    known = _example(scale, [1.0] * 200)
    logits = example.sums(np.full((32, 1), given))
    shots = []
    for shot in known.snapshots:
        assert shot.loss is not None
        word = "binary_cross_entropy_with_logits"
        loss = replace(shot.loss, kind=word[:-12], operation=word, prediction=logits)
        shots.append(replace(shot, loss=loss))
    steps, turns = np.arange(400) // 2, np.arange(400) % 2
    return replace(known, snapshots=tuple(shots), losses=LossCurve(steps, np.ones(400), turns))


_FLAT = [1.0] * 200
_PARTLY = list(np.geomspace(1, 0.3, 200))
_LEARNS = list(np.geomspace(1, 0.05, 200))

RULE = Rule(
    code="DAT001",
    name="unscaled-input",
    title="Input features far from scale 1, with a measured effect",
    why="A layer's sums grow with its input: values of hundreds put every unit on the flat end of "
    "its activation or make each step overshoot, and no single rate suits large and small features "
    "at once. Features of mean 0 and standard deviation 1 make the loss surface round.",
    sees="""
Raw measurements (pixels from 0 to 255, years, prices) reach the first layer as they are. The scale
alone harms nothing: some networks, rates and optimizers bear it. This rule alarms when the network
shows what raw inputs do to it, and does not learn. Inputs that hardly differ, as pixels between 0
and 1 less the mean of those between 0 and 255, are raw as well: their scale is that of what they
have in common.
""",
    evidence="""
The RMS of the largest feature of the recorded batches, together with a weak fit against the best
constant prediction, and an effect: a hidden layer that is saturated or silent, a gradient of
exactly 0, updates that are large or hardly move the weights, or a loss that is no longer finite.
Where nearly all units of the first squashing layer are on flat ends in every recorded step, the
first one included, a fit that is not complete is enough.
Where the standard deviation of each feature is as far below its mean, nothing learned is enough.
Losses that oppose each other have no level: there it is an output on its flat end in every recorded
step, the first one included.
""",
    ignore="""
It is a note if the network learns, or if no effect was measured. Indices of embeddings have no
scale, and a normalisation in front of the first layer removes it.
""",
    references=(
        "LeCun et al. 1998, Efficient BackProp, section 4.3: normalizing the inputs",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.2.1: ill-conditioning",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={
        "rms": RAW_INPUT,
        "weak": WEAK,
        "nothing": NOTHING,
        "fitted": FITTED,
        "flat_share": SATURATED,
        "flat_units": NEARLY_ALL,
        "nearly": NEARLY,
        "flat_logit": FLAT_LOGIT,
        "enough_steps": ENOUGH_STEPS,
    },
    explains=(
        "signal-blows-up",
        "saturated-units",
        "dead-units",
        "loss-flat",
        "loss-diverges",
        "exploding-gradient",
        "vanishing-gradient",
        "non-finite-origin",
        "constant-output",
        "zero-gradient",
        "squared-error-on-saturated-output",
        "dead-from-birth",
        "signal-fades",
        "rate-too-high",
        "rate-too-low",
        "loss-oscillates",
    ),
    cases=(
        Case("raw and saturated", lambda: _example(200, _FLAT, hidden=1.0), Severity.ERROR),
        Case(
            "raw, and the loss is not finite after a few steps",
            lambda: _example(200, [1.0] * 60 + [float("nan")]),
            Severity.ERROR,
        ),
        Case(
            "raw and learning weakly",
            lambda: _example(200, [0.9] * 200, hidden=1.0),
            Severity.WARNING,
        ),
        Case(
            "raw, saturated throughout, and fitted in part",
            lambda: _example(200, _PARTLY, hidden=1.0),
            Severity.WARNING,
        ),
        Case("near miss: raw, fitted in part", lambda: _example(200, _PARTLY), None),
        Case("all alike", lambda: _example(0.005, _FLAT, mean=-2.0), Severity.ERROR),
        Case("near miss: alike, but it learns", lambda: _example(0.005, _LEARNS, mean=-2.0), None),
        Case("near miss: off 0, but not alike", lambda: _example(0.5, _FLAT, mean=-2.0), None),
        Case("near miss: alike to the last bit", lambda: _example(0.0, _FLAT, mean=-2.0), None),
        Case("a critic that is sure from the start", lambda: _opposed(200, 40.0), Severity.WARNING),
        Case("near miss: a raw critic in doubt", lambda: _opposed(200, 3.0), None),
        Case("near miss: a critic that is sure of usual inputs", lambda: _opposed(1, 40.0), None),
        Case("near miss: raw, but it learns", lambda: _example(200, _LEARNS, hidden=1.0), None),
        Case("near miss: raw, and no effect", lambda: _example(200, _FLAT), None),
        Case("scaled, saturated", lambda: _example(1, _FLAT, hidden=1.0), None),
        Case(
            "near miss: raw, normalised first",
            lambda: _example(200, _FLAT, hidden=1.0, first="batch_norm"),
            None,
        ),
        Case(
            "readings missing: nothing was measured",
            lambda: example.unread(_example(200, _FLAT, hidden=1.0)),
            None,
        ),
    ),
)
